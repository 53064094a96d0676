"""The names and schemes that a config writes, whether or not the rest of it is valid."""

from __future__ import annotations

import re

import yaml


def names_in(root: yaml.Node | None, section: str) -> frozenset[str]:
    """The names in a mapping of the root, whatever their values are."""
    return frozenset(str(key.value) for key, _ in _entries(root, section))


def schemes_in(root: yaml.Node | None, section: str) -> dict[str, str]:
    """The schemes of the URLs in a mapping of the root, as far as they are written there."""
    found = {str(key.value): _scheme_of(value) for key, value in _entries(root, section)}
    return {name: scheme for name, scheme in found.items() if scheme}


def _entries(root: yaml.Node | None, section: str) -> list[tuple[yaml.Node, yaml.Node]]:
    pairs = root.value if isinstance(root, yaml.MappingNode) else ()
    mappings = [value for key, value in pairs if key.value == section and isinstance(value, yaml.MappingNode)]
    return [entry for each in mappings for entry in each.value]


def _scheme_of(node: yaml.Node) -> str:
    """The scheme of a channel's URL, which is the node or its ``url``; empty if it cannot be read there."""
    if isinstance(node, yaml.MappingNode):
        return next((_scheme_of(value) for key, value in node.value if key.value == "url"), "")
    scheme, colon, _ = str(node.value).partition("://")
    return scheme if colon and re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme) else ""
