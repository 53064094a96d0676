"""What to do about keys and values of a config that are written in another form."""

from __future__ import annotations

import re
from collections.abc import Iterable

import yaml

from bridge.common.suggest import did_you_mean
from bridge.config.schema.keys import Key
from bridge.config.schema.parsing import InvalidValueError

_CHOICES = {
    "beginning": ("start",), "head": ("start",), "first": ("start",), "tail": ("end",), "now": ("end",),
    "latest": ("end",),
    "trace": ("debug",), "verbose": ("debug",), "notice": ("info",), "critical": ("error",), "fatal": ("error",),
    "text": ("console",), "plain": ("console",), "pretty": ("console",), "logfmt": ("json",),
}  # fmt: skip
"""Other names of the values of choices."""
_NOTHING = frozenset({"off", "no", "false", "none", "null", "disabled", "inf", "infinite", "unlimited", "never"})
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
    if key.name == "routes" and isinstance(node, yaml.MappingNode):
        return "`routes` names files", f"write the routes in a .route file, such as {key.example}"
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
