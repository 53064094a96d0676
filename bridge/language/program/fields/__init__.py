"""The meaning of Falco's fields and values: kinds, numbers, transformers, and fields that carry those of others."""
