"""How a section of the config is declared: typed keys with a description, a default and an example.

Validation, ``docs/config.md``, the JSON Schema, ``config --show`` and the search for secrets all read ``keys_of``.
msgspec carries the declarations: importing pydantic takes 130 ms of CPU, which every start would pay.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import NODEFAULT, UNSET, UnsetType


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A mapping of the config. Its annotations declare its keys; ``key`` describes each."""

    noun: ClassVar[str] = ""
    """The section in an error: ``a grpc source``."""
    shorthand: ClassVar[str] = ""
    """The key that a plain value in place of the mapping stands for."""
    other_shorthands: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Prefixes of plain values that stand for other keys: prefix and key."""
    one_of: ClassVar[tuple[str, ...]] = ()
    """Keys of which at least one is required."""

    @classmethod
    def shorthands(cls) -> tuple[str, ...]:
        """The keys that plain values can stand for."""
        names = (cls.shorthand, *(name for _, name in cls.other_shorthands)) if cls.shorthand else ()
        return tuple(dict.fromkeys(names))

    @classmethod
    def shorthand_of(cls, text: str) -> str:
        """The key that this plain value stands for."""
        return next((name for prefix, name in cls.other_shorthands if text.startswith(prefix)), cls.shorthand)


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a section."""

    name: str
    type: Any
    """A ``Section``, a union of sections, ``tuple[X, ...]``, ``Mapping[str, X]``, or the type of a plain value."""
    description: str
    example: str
    default: Any
    """``NODEFAULT`` where the key is required, ``UNSET`` where the default depends on other keys."""
    default_text: str
    """The default in words, where the value does not show it."""
    none_word: str
    """The word that stands for None: ``never``."""
    single: bool
    """One item may stand in place of the list."""
    least: int | None
    most: int | None
    names: str
    """The pattern of the names of a mapping."""
    reserved: frozenset[str]
    """Names that the mapping does not accept."""

    @property
    def required(self) -> bool:
        """Whether the section is invalid without it."""
        return self.default is NODEFAULT


def key(
    description: str,
    example: str,
    *,
    default: str = "",
    none: str = "",
    single: bool = False,
    least: int | None = None,
    most: int | None = None,
    names: str = "",
    reserved: frozenset[str] = frozenset(),
) -> msgspec.Meta:
    """Describe a key; ``example`` is YAML, ``default`` the default in words."""
    extra = {"default": default, "none": none, "single": single, "names": names, "reserved": reserved}
    return msgspec.Meta(description=description, examples=[example], ge=least, le=most, extra=extra)


@lru_cache(64)
def keys_of(section: type[Section]) -> tuple[Key, ...]:
    """The declared keys, in order."""
    hints = get_type_hints(section, include_extras=True)
    return tuple(
        _key(field.name, hints[field.name], _default(field))
        for field in msgspec.structs.fields(section)
        if get_origin(hints[field.name]) is Annotated
    )


def _default(field: msgspec.structs.FieldInfo) -> Any:
    return field.default if field.default_factory is NODEFAULT else field.default_factory()


def _key(name: str, hint: Any, default: Any) -> Key:
    declared, meta = get_args(hint)
    assert isinstance(meta, msgspec.Meta)
    assert meta.extra is not None
    assert meta.examples
    return Key(
        name, _plain(declared), meta.description or "", meta.examples[0], default, meta.extra["default"],
        meta.extra["none"], meta.extra["single"], _whole(meta.ge), _whole(meta.le), meta.extra["names"],
        meta.extra["reserved"],
    )  # fmt: skip


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def _plain(declared: Any) -> Any:
    """The type without None and UNSET."""
    members = members_of(declared)
    rest = tuple(each for each in members if each not in {type(None), UnsetType})
    if rest == members:
        return declared
    return rest[0] if len(rest) == 1 else Union[rest]  # noqa: UP007  # made at run time


def members_of(declared: Any) -> tuple[Any, ...]:
    """The members of a union, or the type alone."""
    return get_args(declared) if get_origin(declared) in {Union, types.UnionType} else (declared,)


def sections_of(declared: Any) -> tuple[type[Section], ...]:
    """The sections among which a value of this type chooses: none for a plain value."""
    return tuple(each for each in members_of(declared) if isinstance(each, type) and issubclass(each, Section))


def item_of(declared: Any) -> Any | None:
    """The type of a list's items; None where the type is no list."""
    return get_args(declared)[0] if get_origin(declared) is tuple else None


def value_of(declared: Any) -> Any | None:
    """The type of a mapping's values; None where the type is no mapping with free names."""
    return get_args(declared)[1] if get_origin(declared) is Mapping else None


__all__ = [
    "NODEFAULT",
    "UNSET",
    "Key",
    "Section",
    "UnsetType",
    "item_of",
    "key",
    "keys_of",
    "members_of",
    "sections_of",
    "value_of",
]
