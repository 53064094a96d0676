"""What is edited: which file of the config, which of its routes, and the text that a visitor typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from bridge.console.backtest.files import EditError, RouteFile, read_route_file
from bridge.console.backtest.messages import LARGEST_TEXT


@dataclass(frozen=True, slots=True)
class Typed:
    """What a visitor typed for a backtest."""

    path: str
    text: str
    route: str = ""
    """The route that the text replaces; empty for the whole file."""
    version: str = ""
    """Of the file, when it was opened."""
    since: str = ""
    until: str = ""
    zone: str = ""


class EditableFiles(Protocol):
    """The route files that can be edited."""

    def files(self) -> list[str]:
        """Their paths. Raises EditError."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A file with what was typed."""

    file: RouteFile
    start: int
    """Where the typed text begins in the edited file."""
    text: str
    """The edited file."""


def typed_of(fields: Mapping[str, str]) -> Typed:
    """The text and its options of a form."""
    texts = {name: fields.get(name, "") for name in Typed.__dataclass_fields__ if name != "path"}
    texts["text"] = texts["text"].replace("\r\n", "\n").replace("\r", "\n")
    return Typed(fields.get("file", ""), **texts)


def open_file(files: EditableFiles, path: str) -> RouteFile:
    """One of these files; the first one without a path. Raises EditError."""
    known = files.files()
    if not known:
        raise EditError("the config names no route file")
    if path and path not in known:
        raise EditError(f"the config does not name {path} in `routes`, and no route file imports it")
    return read_route_file(path or known[0])


def edit_of(files: EditableFiles, typed: Typed, *, unchanged: bool = False) -> Edit:
    """The file with what was typed; ``unchanged`` requires the file as it was opened. Raises EditError."""
    if len(typed.text) > LARGEST_TEXT:
        raise EditError(f"the text has more than {LARGEST_TEXT:,} characters")
    try:
        typed.text.encode()
    except UnicodeEncodeError as error:
        raise EditError("the text contains characters that UTF-8 cannot encode") from error
    file = open_file(files, typed.path)
    if unchanged and not typed.route and typed.version and typed.version != file.version:
        raise EditError(f"{file.path} has changed since it was opened; copy your change, and open the file again")
    start = file.part(typed.route).start
    return Edit(file, start, file.edited(typed.route, typed.text))
