"""Reads alerts from files: Falco's JSON lines, container logs that contain them, or the bridge's journal."""

from __future__ import annotations

import errno
import gzip
import os
import stat
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

import msgspec

from bridge.alert import Alert
from bridge.alert.forms.container_log import Unwrapper
from bridge.alert.forms.json_text import encode_json
from bridge.alert.forms.message import decode_message
from bridge.journal import JournalError
from bridge.journal.location import DatabaseLocation, Location, location_of
from bridge.journal.opening import open_to_read
from bridge.terminal.stream import CommandStream

_SQLITE_HEADER = b"SQLite format 3\0"
GZIP_HEADER = b"\x1f\x8b"
STANDARD_INPUT = "-"
_MOST_WITH_ID = 100_000


class AlertFileError(Exception):
    """The file cannot be read; the text names it and says what to do."""


class Line(msgspec.Struct, frozen=True, gc=False):
    """One alert of a file, with the line as it was written."""

    alert: Alert
    text: bytes
    at_ns: int
    """The time for schedules: when the journal's alert was received; for other files, the alert's own time."""


@dataclass(frozen=True, slots=True)
class NoAlert:
    """A line that is not an alert, such as a start-up message of Falco or a text line without ``json_output``."""

    number: int
    reason: str


def skipped(count: int) -> str:
    """A clause that says how many lines were not alerts."""
    return "1 line was not an alert" if count == 1 else f"{count} lines were not alerts"


_Read = Callable[[Iterable[bytes]], Iterator[Line | NoAlert]]


def read_alerts(path: str, read: _Read | None = None, *, id_start: str = "") -> Iterator[Line | NoAlert]:
    """Every line of a file, in order; ``-`` is standard input. Raises AlertFileError.

    ``read`` is ``read_lines``, or ``read_recording`` for terminal material as it is. Of a journal only the alerts are
    read whose ids start with ``id_start``.
    """
    read = read or read_lines
    if path != STANDARD_INPUT and is_journal(path):
        yield from _recorded(location_of(path), id_start)
        return
    try:
        with open_to_read_once(path) as file:
            packed = file.peek(len(GZIP_HEADER))[: len(GZIP_HEADER)] == GZIP_HEADER
            yield from read(gzip.GzipFile(fileobj=file) if packed else file)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise AlertFileError(f"{path}: is not a complete gzip file ({error}); copy it again") from error
    except OSError as error:
        raise unreadable(path, error) from error


def open_to_read_once(path: str) -> BufferedReader:
    """A file, a pipe, or standard input for ``-``. Raises OSError."""
    if path != STANDARD_INPUT:
        return Path(path).open("rb")
    if sys.stdin is None:  # 0 may be another file now
        raise OSError(errno.EBADF, "it is closed")
    return os.fdopen(0, "rb", closefd=False)


def is_journal(path: str) -> bool:
    """Whether it is a journal of the bridge: a file, or a database. Raises AlertFileError if it cannot be read."""
    if isinstance(location_of(path), DatabaseLocation):
        return True
    try:
        if not is_repeatable(path):
            return False
        with Path(path).open("rb") as file:
            return file.read(len(_SQLITE_HEADER)) == _SQLITE_HEADER
    except OSError as error:
        raise unreadable(path, error) from error


def is_repeatable(path: str) -> bool:
    """Whether it is a plain file. What is read of a pipe is gone. Raises OSError."""
    return stat.S_ISREG(Path(path).stat().st_mode)


def unreadable(path: str, error: OSError) -> AlertFileError:
    """The error of a file that the user named."""
    return AlertFileError(f"{path}: cannot be read ({error.strerror or error}); check the file name")


def read_lines(file: Iterable[bytes]) -> Iterator[Line | NoAlert]:
    """The alerts in the lines of a file, in order. Terminal material becomes commands, as in the running bridge."""
    stream = CommandStream()
    for each in read_recording(file):
        if not isinstance(each, Line):
            yield each
            continue
        for alert in stream.feed(each.alert):
            yield each if alert is each.alert else _command(alert)
    yield from map(_command, stream.end())


def _command(alert: Alert) -> Line:
    return Line(alert, encode_json(alert), alert.time_ns)


def read_recording(file: Iterable[bytes]) -> Iterator[Line | NoAlert]:
    """The alerts in the lines of a file as they are, in order."""
    unwrapper, number = Unwrapper(), 0
    for number, line in enumerate(file, 1):
        content = unwrapper.feed(line)
        if content is not None and content.strip():
            yield from _read_line(content, number)
    for content in unwrapper.end():
        found = list(_read_line(content, number))
        yield from (
            found if any(isinstance(each, Line) for each in found) else [NoAlert(number, "the file ends within a line")]
        )


def _read_line(content: bytes, number: int) -> Iterator[Line | NoAlert]:
    """The alerts of a line, in every form that the sources accept except text, which lacks rule and fields."""
    found = decode_message(content, time.time_ns())
    for each in found:
        if not isinstance(each, Alert):
            yield NoAlert(number, each.reason)
        elif not each.rule and content[:1] != b"{":
            yield NoAlert(number, "is text; set json_output: true in falco.yaml")
        else:
            text = content if len(found) == 1 and content[:1] == b"{" else encode_json(each)
            yield Line(each, text, each.time_ns)
    if not found:
        yield NoAlert(number, "is neither JSON nor a text line of Falco")


def _recorded(location: Location, id_start: str) -> Iterator[Line]:
    try:
        journal = open_to_read(location)
        history = journal.history
        for each in history.alerts_with_id(id_start, _MOST_WITH_ID) if id_start else history.alerts():
            yield Line(each.alert, encode_json(each.alert), each.received_ns)
        journal.close()
    except JournalError as error:
        raise AlertFileError(str(error)) from error
