"""What is edited: which file of the config, which of its routes, and the text that a visitor typed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bridge.config.load import RoutingConfig, find_routing_config
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


def route_files(config: str) -> list[str]:
    """The files of the config's ``routes``. Raises EditError."""
    found = find_routing_config(Path(config), os.environ)
    if not isinstance(found, RoutingConfig):
        raise EditError(found.text().rstrip())
    return [os.path.normpath(each) for each in found.routes]


def open_file(config: str, path: str) -> RouteFile:
    """One of these files; the first one without a path. Raises EditError."""
    files = route_files(config)
    if not files:
        raise EditError("the config names no route file")
    if path and path not in files:
        raise EditError(f"the config does not name {path} in `routes`")
    return read_route_file(path or files[0])


def edit_of(config: str, typed: Typed, *, unchanged: bool = False) -> Edit:
    """The file with what was typed; ``unchanged`` requires the file as it was opened. Raises EditError."""
    if len(typed.text) > LARGEST_TEXT:
        raise EditError(f"the text has more than {LARGEST_TEXT:,} characters")
    try:
        typed.text.encode()
    except UnicodeEncodeError as error:
        raise EditError("the text contains characters that UTF-8 cannot encode") from error
    file = open_file(config, typed.path)
    if unchanged and not typed.route and typed.version != file.version:
        raise EditError(f"{file.path} has changed since it was opened; copy your change, and open the file again")
    start = file.part(typed.route).start
    return Edit(file, start, file.edited(typed.route, typed.text))
