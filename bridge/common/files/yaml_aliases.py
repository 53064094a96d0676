"""YAML's aliases: a short file may stand for values without end."""

from __future__ import annotations

import math

import yaml

_MOST_NODES = 1_000_000


def repeats_too_much(document: object) -> bool:
    """Whether a document, as nodes or as values, has too many values once its aliases are written out.

    A document that contains itself has. Raises RecursionError.
    """
    return _size(document, {}) > _MOST_NODES


def _size(value: object, sizes: dict[int, float]) -> float:
    children = _children(value)
    if not children:
        return 1
    if id(value) not in sizes:
        sizes[id(value)] = math.inf
        sizes[id(value)] = 1 + sum([_size(each, sizes) for each in children])
    return sizes[id(value)]


def _children(value: object) -> list[object]:
    if isinstance(value, yaml.MappingNode):
        return [each for pair in value.value for each in pair]
    if isinstance(value, yaml.SequenceNode):
        return list(value.value)
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
