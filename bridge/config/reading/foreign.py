"""Recognizes files of other programs that were given as the config, and says what to do with them."""

from __future__ import annotations

import yaml

_OWN = frozenset({"sources", "channels", "routes", "journal"})
_FALCO = frozenset(
    {"rules_files", "rules_file", "json_output", "http_output", "grpc_output", "append_output", "engine"}
)
_SIDEKICK = frozenset({
    "falcosidekick", "customfields", "templatedfields", "minimumpriority", "webhookurl", "listenport", "slack", "teams",
    "alertmanager", "elasticsearch", "loki", "opsgenie", "pagerduty", "smtp", "webhook", "webui", "policyreport", "aws",
})  # fmt: skip
_RULE_KEYS = frozenset({"rule", "macro", "list", "required_engine_version", "required_plugin_versions"})


def foreign_file(root: yaml.Node) -> tuple[str, str] | None:
    """What the document is, and the remedy; None if it may be a config."""
    if isinstance(root, yaml.SequenceNode):
        items = [each for each in root.value if isinstance(each, yaml.MappingNode)]
        if any(_keys(each) & _RULE_KEYS for each in items):
            return "this is a Falco rules file, not a config", 'name it in a .route file: import falco "FILE"'
        return None
    if not isinstance(root, yaml.MappingNode):
        return None
    keys = _keys(root)
    if keys & _OWN:
        return None
    if keys & _FALCO:
        return "this is falco.yaml, not a config", 'name it in a .route file for its append_output: import falco "FILE"'
    if keys & _SIDEKICK or _in_chart(root):
        hint = "run `falco-bridge import falcosidekick FILE`, and give --config what it writes"
        return "this is a config of falcosidekick", hint
    if "customrules" in keys or _has_settings_of_falco(root):
        hint = 'name it in a .route file for its rules and append_output: import falco "FILE"'
        return "this is a values file of Falco's Helm chart, not a config", hint
    return None


def _keys(node: yaml.MappingNode) -> set[str]:
    return {key.value.lower() for key, _ in node.value if isinstance(key, yaml.ScalarNode)}


def _has_settings_of_falco(root: yaml.MappingNode) -> bool:
    """Helm values of Falco's chart: ``falco: {json_output: …}``."""
    inner = [value for key, value in root.value if key.value == "falco" and isinstance(value, yaml.MappingNode)]
    return any(_keys(each) & _FALCO for each in inner)


def _in_chart(root: yaml.MappingNode) -> bool:
    """Helm values of falcosidekick's chart: ``config: {slack: …}``."""
    configs = [value for key, value in root.value if key.value == "config" and isinstance(value, yaml.MappingNode)]
    return any(_keys(each) & _SIDEKICK for each in configs)
