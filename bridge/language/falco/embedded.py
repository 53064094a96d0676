"""Finds the rules and settings of Falco inside Helm values, ConfigMaps and the objects of Falco's operator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

SETTINGS = frozenset(
    {
        "append_output", "engine", "grpc_output", "http_output", "json_output", "load_plugins", "plugins", "rules_file",
        "rules_files", "stdout_output",
    }
)  # fmt: skip
"""Keys by which a falco.yaml is recognized."""
_YAML_NAMES = (".yaml", ".yml")
_LISTS = frozenset({"List", "ConfigMapList", "RulesfileList", "ConfigList"})
_OPERATOR = "falcosecurity.dev/"
_MAX_DEPTH = 4
"""Charts within charts."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """Rules or settings inside another document."""

    name: str
    """The key that people know it by: ``custom.yaml``."""
    content: object
    """Text, which is YAML itself, or a document."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A document that may contain rules or settings."""

    what: str
    """What the document is and lacks, as the rest of the sentence ``FILE …``, in case nothing is found in it."""
    parts: tuple[Embedded, ...] = ()


def opened(document: object) -> Envelope | None:
    """What is inside a document; None for rules and for a falco.yaml themselves."""
    if not isinstance(document, Mapping):
        return None
    if {"apiVersion", "kind"} <= document.keys():
        return _of_manifest(document)
    parts = tuple(_of_values(document))
    if parts or isinstance(document.get("customRules"), Mapping):
        what = "is a values file of Falco's Helm chart without rules: it has nothing in `customRules` and no `falco`"
        return Envelope(what, parts)
    return None


def is_settings(document: object) -> bool:
    """Whether it is a falco.yaml."""
    return isinstance(document, Mapping) and bool(SETTINGS & document.keys())


def _of_manifest(document: Mapping[Any, Any]) -> Envelope:
    kind, spec = str(document["kind"]), document.get("spec")
    if kind in _LISTS:
        items = document.get("items")
        inside = [opened(item) for item in items] if isinstance(items, list) else []
        parts = tuple(part for envelope in inside if envelope is not None for part in envelope.parts)
        return Envelope(f"is a Kubernetes {kind} without rules of Falco", parts)
    if kind == "ConfigMap":
        what = "is a Kubernetes ConfigMap without rules of Falco: no text under `data` is a rules file or a falco.yaml"
        return Envelope(what, tuple(_texts(document.get("data"))))
    if _OPERATOR in str(document["apiVersion"]) and isinstance(spec, Mapping):
        inline = [(key, spec[key]) for key in ("inlineRules", "config") if spec.get(key)]
        what = f"is a {kind} of Falco's operator without rules: it has no `inlineRules`"
        return Envelope(what, tuple(Embedded(key, content) for key, content in inline))
    return Envelope(f"is a Kubernetes {kind}, not a rules file of Falco")


def _of_values(document: Mapping[Any, Any], depth: int = 0) -> Iterator[Embedded]:
    """Rules and falco.yaml of the values, also below ``falco:`` of a chart that has Falco's as a subchart."""
    yield from _texts(document.get("customRules"))
    inner = document.get("falco")
    if not isinstance(inner, Mapping) or depth > _MAX_DEPTH:
        return
    if is_settings(inner):
        yield Embedded("falco", inner)
    yield from _of_values(inner, depth + 1)


def _texts(files: object) -> Iterator[Embedded]:
    """Files by name, in the order in which Falco reads a folder. Scripts and the like are left out."""
    if isinstance(files, Mapping):
        named = {str(name): text for name, text in files.items()}
        yield from (Embedded(name, named[name]) for name in sorted(named) if name.endswith(_YAML_NAMES))
