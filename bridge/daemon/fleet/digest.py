"""Digests of routes, labels and channels, by which the bridges of a fleet compare them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from bridge.daemon.reload.generation import Generation

_SHOWN = 12


def program_digest(generation: Generation) -> str:
    """A digest of routes, rules, tables, and what of the config changes decisions. Equal on every machine.

    Addresses, secrets, sources and listeners are not in it: they may differ from bridge to bridge.
    """
    config, loaded = generation.config, generation.loaded
    folder = loaded.path.resolve().parent
    texts = {_name(path, folder): source.text for path, source in generation.texts.items() if path != str(loaded.path)}
    channels = {name: (each.scheme, each.ordered, each.resolved) for name, each in config.channels.items()}
    files = sorted(texts.items()), [_name(str(path), folder) for path in loaded.routes]
    fields = [(str(each.path.name), each.path.read_text("utf-8", "replace")) for each in loaded.fields]
    content = (files, sorted(config.labels.items()), sorted(channels.items()), fields, generation.stale)
    return hashlib.sha256(msgspec.json.encode(content)).hexdigest()[:_SHOWN]


def _name(path: str, folder: Path) -> str:
    """The path from the config's folder, where it is below it."""
    absolute = Path(path).resolve()
    return str(absolute.relative_to(folder)) if absolute.is_relative_to(folder) else str(absolute)
