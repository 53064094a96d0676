"""What the config lets channels do on this machine: ``allow: {exec: [PROGRAM], files: [FOLDER]}``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import yaml

from bridge.channels.native.allowed import Allowed
from bridge.config.reader import Reader


def read_allowed(reader: Reader, node: yaml.Node | None, journal: Path) -> Allowed:
    """No program unless it is named; the folders of the config and of the journal unless others are named."""
    entries = {} if node is None else reader.mapping(node, "allow", ("exec", "files"))
    programs = tuple(_paths(reader, entries.get("exec"), "exec"))
    folders = tuple(_paths(reader, entries.get("files"), "files"))
    own = tuple(Path(os.path.normpath(folder)) for folder in (reader.path.parent, journal.parent))
    return Allowed(programs, folders or own, journal)


def check_exec(reader: Reader, node: yaml.Node, url: str) -> None:
    """A program's arguments are seen by every user of the machine, in its list of processes."""
    if url.startswith("exec:") and isinstance(node, yaml.ScalarNode) and "${" in node.value:
        reader.wrong(node, "a secret among a program's arguments is seen by everybody", "let the program read it")


def _paths(reader: Reader, node: yaml.Node | None, what: str) -> Iterator[Path]:
    for item in () if node is None else reader.sequence(node, what):
        text = reader.text(item, what)
        if not text.startswith("/"):
            reader.wrong(item, f"`{text}` is no absolute path", "write it whole, from / on")
        yield Path(os.path.normpath(text))
