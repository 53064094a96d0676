"""The JSON Schema of the config, for editors."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

from bridge.config.schema.config import Config
from bridge.config.schema.keys import Key, Section, item_of, keys_of, value_of
from bridge.config.schema.parsing import VALUES
from bridge.config.schema.tree import default_of, parts_of

_REFERENCE = {"type": "string", "pattern": r"\$\{"}
"""Any value can come from the environment or a file."""


def config_schema() -> dict[str, Any]:
    """The schema, draft 2020-12."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "falco-bridge.yaml",
        **_section(Config),
    }


def _section(section: type[Section]) -> dict[str, Any]:
    keys = keys_of(section)
    return {
        "type": "object",
        "description": (section.__doc__ or "").replace("``", "`"),
        "additionalProperties": False,
        "required": [key.name for key in keys if key.required],
        "properties": {key.name: _key(key) for key in keys},
        **({"anyOf": [{"required": [name]} for name in section.one_of]} if section.one_of else {}),
    }


def _key(key: Key) -> dict[str, Any]:
    default = default_of(key)
    description = f"{key.description} Default: {default}." if default else key.description
    return {**_value(key), "description": description}


def _value(key: Key) -> dict[str, Any]:
    if (item := item_of(key.type)) is not None:
        listed: dict[str, Any] = {"type": "array", "items": _one(item, key)}
        if key.required:
            listed["minItems"] = 1
        return {"anyOf": [listed, _one(item, key)]} if key.single else listed
    if (value := value_of(key.type)) is not None:
        names: dict[str, Any] = {"pattern": f"^{key.names}$"}
        if key.reserved:
            names |= {"not": {"enum": sorted(key.reserved)}}
        return {"type": "object", "propertyNames": names, "additionalProperties": _one(value, key)}
    return _one(key.type, key)


def _one(declared: Any, key: Key) -> dict[str, Any]:
    """A single value, or a section with its shorthand."""
    parts = parts_of(key)
    if parts:
        choices = [_section(part) for part in parts]
        choices += [_shorthand(part, name) for part in parts for name in part.shorthands()]
        return choices[0] if len(choices) == 1 else {"anyOf": choices}
    schema = _plain(declared, key)
    return {"anyOf": [schema, {"const": key.none_word}]} if key.none_word else schema


def _shorthand(section: type[Section], name: str) -> dict[str, Any]:
    key = next(key for key in keys_of(section) if key.name == name)
    return _value(key)


def _plain(declared: Any, key: Key) -> dict[str, Any]:
    if get_origin(declared) is Literal:
        words = list(get_args(declared))
        return {"enum": [True, "true"]} if words == ["true"] else {"anyOf": [{"enum": words}, _REFERENCE]}
    if declared is bool:
        return {"anyOf": [{"type": "boolean"}, _REFERENCE]}
    if declared is int:
        return {"anyOf": [{"type": "integer", "minimum": key.least, "maximum": key.most}, _REFERENCE]}
    if declared is str:
        return {"type": ["string", "number", "boolean"]}
    return dict(VALUES[declared].schema)
