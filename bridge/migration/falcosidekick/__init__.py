"""falcosidekick's config, as YAML, Helm values or environment variables."""
