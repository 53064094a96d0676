"""What a body template of a webhook may refer to, besides the fields of Falco and the labels."""

from __future__ import annotations

EACH, MATCH, ELSE, CONCAT = "%each", "%match", "%else", "%concat"
"""The keys of a body that are no members of the JSON: an item for each alert; a value by that of a field, and the one
where none fits; a text of several parts."""
OPERATORS = frozenset({EACH, MATCH})
"""Those that a config may write as the first key of a mapping."""

OPTIONAL = "?"
"""The end of the name of a member that is left out where its value is null."""
BODY_NAMES = frozenset(
    {
        "rule", "priority", "source", "hostname", "tags", "output", "time", "time.unix", "time.unix_ms", "time.unix_ns",
        "id", "delivery", "route", "routes", "severity", "title", "message", "links", "labels", "output_fields",
        "alert", "falcosidekick", "kind", "count", "suppressed", "first", "last", "incident", "key",
    }
)  # fmt: skip
"""The attributes of an alert and of its notification."""
