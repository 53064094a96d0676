"""A route file as a text field shows it, one of its routes, and the edited file as a patch."""

from __future__ import annotations

import difflib
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bridge.config.load import RoutingConfig, find_routing_config
from bridge.console.backtest.messages import LARGEST_TEXT
from bridge.language.diagnostics.source import SourceText
from bridge.language.syntax import tree as syntax
from bridge.language.syntax.parser import parse

_CONTEXT = 3
_MARK = "\ufeff"
_PLAIN_NAME = re.compile(r"[ !#-\[\]-~]+")


class EditError(Exception):
    """Why a file cannot be edited, in a sentence for people."""


@dataclass(frozen=True, slots=True)
class RouteFile:
    """A route file as it is on the disk."""

    path: str
    raw: str
    """As it is, with its line ends and its byte order mark."""

    @property
    def text(self) -> str:
        """As a text field shows it: lines end with a line feed."""
        return self.raw.removeprefix(_MARK).replace("\r\n", "\n")

    @property
    def version(self) -> str:
        """Another one after a change."""
        return hashlib.sha256(self.raw.encode()).hexdigest()[:16]

    def part(self, route: str) -> range:
        """Where a route is in the text; the whole text without a name. Raises EditError."""
        if not route:
            return range(len(self.text))
        for statement in _routes(parse(SourceText(self.path, self.text)).file.statements):
            if statement.name is not None and statement.name.text == route:
                return range(statement.span.start, statement.span.end)
        raise EditError(f'{self.path} has no route "{route}" any more; open the file again')

    def edited(self, route: str, text: str) -> str:
        """The file's text with another text in place of the route; with this text without a name. Raises EditError."""
        place = self.part(route)
        return self.text[: place.start] + text + self.text[place.stop :]


def read_route_file(path: str) -> RouteFile:
    """Read a file. Raises EditError."""
    try:
        data = Path(path).read_bytes()
        raw = data.decode()
    except OSError as error:
        raise EditError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise EditError(f"{path}: is not UTF-8; save it as UTF-8") from error
    if len(raw) > LARGEST_TEXT:
        raise EditError(f"{path}: is larger than {LARGEST_TEXT >> 10} KiB; use falco-bridge diff")
    return RouteFile(path, raw)


def route_files(config: str) -> list[str]:
    """The files of the config's ``routes``. Raises EditError."""
    found = find_routing_config(Path(config), os.environ)
    if not isinstance(found, RoutingConfig):
        raise EditError(found.text().rstrip())
    return [os.path.normpath(each) for each in found.routes]


def imports_others(path: str) -> bool:
    """Whether a route file may import other files."""
    try:
        return b"import" in Path(path).read_bytes()
    except OSError:
        return False


def routes_of(text: str) -> list[str]:
    """The names of the routes of a file, by place."""
    found = _routes(parse(SourceText("", text)).file.statements)
    return [each.name.text for each in found if each.name is not None]


def _routes(statements: Sequence[syntax.Statement]) -> Iterator[syntax.RouteStatement]:
    for each in statements:
        if isinstance(each, syntax.RouteStatement):
            yield each
        elif isinstance(each, syntax.WhereStatement):
            yield from _routes(each.body)


def patch_of(file: RouteFile, text: str, name: str) -> str:
    """A unified diff from the file to another text of it, which ``git apply`` and ``patch -p1`` take. Empty for none.

    ``name`` is the file's path from the folder in which the patch is applied. Line ends stay those of the file.
    Raises EditError.
    """
    old = file.raw.split("\n")
    if any("\r" in line.removesuffix("\r") for line in old):
        raise EditError(f"{file.path}: has line ends of several kinds; convert them first")
    ending = "\r" if sum(line.endswith("\r") for line in old) * 2 > len(old) else ""
    mark = _MARK if file.raw.startswith(_MARK) else ""
    before, after = file.text.split("\n"), text.split("\n")
    matcher = difflib.SequenceMatcher(None, _with_end(before), _with_end(after), autojunk=False)
    new = [f"{mark if number == 0 else ''}{line}{ending if number < len(after) - 1 else ''}"
           for number, line in enumerate(after)]  # fmt: skip
    hunks = "".join(_hunk(group, old, new) for group in matcher.get_grouped_opcodes(_CONTEXT))
    return f"--- {_quoted(f'a/{name}')}\n+++ {_quoted(f'b/{name}')}\n{hunks}" if hunks else ""


def place_of(path: str, config: str) -> tuple[str, str]:
    """The folder in which a patch is applied, and the file's path from there: the git repository, or the config's."""
    absolute = Path(path).absolute()
    tree = next((each for each in absolute.parents if (each / ".git").exists()), None)
    folder = tree or Path(os.path.commonpath([absolute.parent, Path(config).absolute().parent]))
    return str(folder), absolute.relative_to(folder).as_posix()


def _with_end(lines: Sequence[str]) -> list[tuple[str, bool]]:
    """The lines, each with whether a line end follows. Nothing follows the last one, if that is empty."""
    found = [(line, True) for line in lines[:-1]]
    return [*found, (lines[-1], False)] if lines[-1] else found


def _hunk(group: Sequence[tuple[str, int, int, int, int]], old: Sequence[str], new: Sequence[str]) -> str:
    lines = []
    for operation, old_start, old_stop, new_start, new_stop in group:
        if operation == "equal":
            lines += [_line(" ", old, number) for number in range(old_start, old_stop)]
            continue
        lines += [_line("-", old, number) for number in range(old_start, old_stop)]
        lines += [_line("+", new, number) for number in range(new_start, new_stop)]
    head = f"@@ -{_span(group[0][1], group[-1][2])} +{_span(group[0][3], group[-1][4])} @@\n"
    return head + "".join(lines)


def _line(sign: str, lines: Sequence[str], number: int) -> str:
    end = "\n" if number < len(lines) - 1 else "\n\\ No newline at end of file\n"
    return f"{sign}{lines[number]}{end}"


def _span(start: int, stop: int) -> str:
    length = stop - start
    return f"{start + (length > 0)},{length}"


def _quoted(name: str) -> str:
    """A name as git writes it: quoted where it has characters that would be taken for something else."""
    if _PLAIN_NAME.fullmatch(name) and " " not in name:
        return name
    escaped = "".join(
        chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\' else f"\\{byte:03o}" for byte in name.encode()
    )
    return f'"{escaped}"'
