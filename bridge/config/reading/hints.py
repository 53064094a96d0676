"""What to do about keys and values of a config that are written in another form."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import yaml

from bridge.common.suggest import did_you_mean
from bridge.config.schema.invalid_value import InvalidValueError
from bridge.config.schema.keys import Key, keys_of, sections_of

_CHOICES = {
    "beginning": ("start",), "head": ("start",), "first": ("start",), "tail": ("end",), "now": ("end",),
    "latest": ("end",),
    "trace": ("debug",), "verbose": ("debug",), "notice": ("info",), "critical": ("error",), "fatal": ("error",),
    "text": ("console",), "plain": ("console",), "pretty": ("console",), "logfmt": ("json",),
}  # fmt: skip
"""Other names of the values of choices."""
_NOTHING = frozenset({"off", "no", "false", "none", "null", "disabled", "inf", "infinite", "unlimited", "never"})
_CLAUSES = frozenset({"when", "to", "drop", "match", "condition", "matchers", "receiver"})
_FALCO_KEYS = frozenset({"rules_files", "rules_file", "json_output", "http_output", "grpc_output", "append_output",
                         "falco", "falcosidekick"})  # fmt: skip


def other_file(names: list[str]) -> str:
    """What to do if the keys are those of another file, such as a manifest of Kubernetes; else an empty string."""
    if {"apiVersion", "kind"} <= set(names):
        return "this is a manifest of Kubernetes: store the text below `falco-bridge.yaml:` in a file of its own"
    if _FALCO_KEYS & set(names):
        return "this is a falco.yaml: --config names the config of falco-bridge"
    return ""


def typed(node: yaml.Node, kinds: Iterable[str]) -> str | None:
    """The kind of a source that is written ``type: http``; None if it is not."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((value.value for key, value in pairs if key.value in {"type", "kind"} and value.value in kinds), None)


def not_plain(node: yaml.Node, key: Key) -> tuple[str, str]:
    """The message and the hint for a list, a mapping or nothing in place of a plain value."""
    if node.tag.endswith(":null"):
        return f"`{key.name}` has no value", f"such as {key.example}"
    if isinstance(node, yaml.SequenceNode):
        return f"`{key.name}` must be a single value", f"write one value without brackets, such as {key.example}"
    return f"`{key.name}` must be a single value", f"such as {key.example}"


def choice_hint(text: str, choices: tuple[str, ...]) -> str:
    """The choice that was probably meant, or an empty string."""
    meant = next((each for each in _CHOICES.get(text.lower(), ()) if each in choices), "")
    return f"write `{meant}`" if meant else did_you_mean(text, choices)


def check_nothing(text: str, key: Key) -> None:
    """Raises InvalidValueError for another word than the key's for nothing."""
    if key.none_word and text.lower() in _NOTHING:
        raise InvalidValueError(f"write `{key.none_word}`")


def valid_name(name: str, pattern: str) -> str:
    """The nearest name that matches the pattern."""
    dots = "" if re.fullmatch(pattern, "a.b") is None else "."
    return re.sub(rf"[^A-Za-z0-9_{dots}-]+", "-", name).strip("-.") or "name"


def is_route(node: yaml.MappingNode, noun: str) -> bool:
    """Whether a route is where a group of route files belongs."""
    names = {str(key.value) for key, _ in node.value}
    return noun == "a group of routes" and "files" not in names and not names.isdisjoint(_CLAUSES)


def list_hint(node: yaml.Node, item: Any) -> str:
    """How to write the list in whose place the node stands."""
    if isinstance(node, yaml.ScalarNode) and not sections_of(item) and not node.tag.endswith(":null"):
        return f"write it as a list: [{node.value}]"
    first = node.value[0][0] if isinstance(node, yaml.MappingNode) and node.value else None
    known = {each.name for part in sections_of(item) for each in keys_of(part)}
    if isinstance(first, yaml.ScalarNode) and first.value in known:
        return f"write `- ` before `{first.value}`: each item of the list starts with it"
    return "start each item with `- ` on a line of its own"


def mapping_hint(node: yaml.Node, key: Key) -> str:
    """How to write the mapping in whose place the node stands."""
    if isinstance(node, yaml.SequenceNode) and all(isinstance(each, yaml.MappingNode) for each in node.value):
        if any(each.value == "name" for item in node.value for each, _ in item.value):
            return f"the names are the keys: {key.example}"
        return "write it without the `- ` before each name"
    return "indent its entries below it" if node.tag.endswith(":null") else f"write {key.example}"


def home_of(name: str) -> str | None:
    """The section of a key by its place: empty for the root; None if no section, or several, have it."""
    from bridge.config.schema.tree import sections

    homes = [place for place, section in sections().items() if any(key.name == name for key in keys_of(section))]
    if "" in homes:
        return ""
    homes = [each for each in homes if not each.startswith(("sources", "channels"))]
    return homes[0] if len(homes) == 1 else None
