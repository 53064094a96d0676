"""Finds every secret of a config by one walk over it, for masking and for rotation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from bridge.common.masking import forms_of, secrets_in
from bridge.common.secret import Secret
from bridge.config.schema.config import Config
from bridge.config.schema.keys import Section
from bridge.config.schema.values import ChannelUrl, DatabaseUrl
from bridge.journal.location import passwords_in

SecretPlace = tuple[str, ...]
"""The keys that lead to a secret; a source is named, not numbered."""


def secrets_of(config: Config) -> dict[SecretPlace, Secret]:
    """Every secret by its place."""
    return dict(_walk(config, ()))


def masked_texts(config: Config) -> frozenset[str]:
    """Every text that must not appear in any output."""
    return frozenset(text for secret in secrets_of(config).values() for text in _masked(secret))


def with_secrets(running: Config, loaded: Config) -> Config:
    """The running config with the secrets of another, and nothing else of it.

    A secret that is new, or no longer there, is not taken: a listener that asked for a token still asks for one.
    """
    found = secrets_of(loaded)
    changed = _replaced(running, (), found)
    assert isinstance(changed, Config)
    return changed


def _walk(value: Any, place: SecretPlace) -> Iterator[tuple[SecretPlace, Secret]]:
    if isinstance(value, Secret):
        if value:
            yield place, value
    else:
        for name, part in _parts(value):
            yield from _walk(part, (*place, name))


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Section):
        yield from ((name, getattr(value, name)) for name in value.__struct_fields__)
    elif isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, tuple):
        yield from ((_item_name(each, at), each) for at, each in enumerate(value))


def _item_name(item: Any, at: int) -> str:
    """A source is found by its name when others come before it."""
    return str(getattr(item, "name", at)) if isinstance(item, Section) else str(at)


def _replaced(value: Any, place: SecretPlace, found: Mapping[SecretPlace, Secret]) -> Any:
    if isinstance(value, Secret):
        return found.get(place, value) if value else value
    parts = {name: _replaced(part, (*place, name), found) for name, part in _parts(value)}
    if isinstance(value, Section):
        return msgspec.structs.replace(value, **parts)
    if isinstance(value, Mapping):
        return parts
    return tuple(parts.values()) if isinstance(value, tuple) else value


def _masked(secret: Secret) -> frozenset[str]:
    text = secret.reveal()
    if isinstance(secret, DatabaseUrl):
        return frozenset(form for password in passwords_in(text) for form in forms_of(password))
    return secrets_in(text) if isinstance(secret, ChannelUrl) else forms_of(text)
