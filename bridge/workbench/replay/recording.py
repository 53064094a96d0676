"""Recorded alerts in files and journals, in parts that can be read on their own."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import BinaryIO

import msgspec

from bridge.alert import Alert
from bridge.alert.forms.container_log import Unwrapper
from bridge.journal import JournalError
from bridge.journal.location import location_of
from bridge.journal.opening import open_to_read
from bridge.terminal.rules import MATERIAL_MARK
from bridge.workbench.alert_files import (
    GZIP_HEADER,
    STANDARD_INPUT,
    AlertFileError,
    Line,
    is_journal,
    is_repeatable,
    read_alerts,
    read_lines,
    unreadable,
)

_PART_BYTES = 4 << 20
_PART_ALERTS = 10_000

_LOOK_AHEAD = 64 << 10
"""Bytes at the start of a file by which its form is recognised."""


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """One recorded alert."""

    alert: Alert
    at_ns: int
    """When the journal's alert was received; for other files, the alert's own time."""


class Form(Enum):
    """How a part is read."""

    WHOLE = "whole"
    """A file that is read from its start to its end."""
    LINES = "lines"
    """The lines that start between two offsets, each an alert."""
    JOURNAL = "journal"
    """The alerts of a journal with numbers from the first bound until just before the second."""


@dataclass(frozen=True, slots=True)
class Part:
    """Part of a file."""

    path: str
    form: Form
    start: int = 0
    end: int = 0

    @property
    def size(self) -> int:
        """For progress: its share of its file. 0 if that is not known."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Alerts from ``since_ns`` until just before ``until_ns``. None is no limit."""

    since_ns: int | None = None
    until_ns: int | None = None

    def includes(self, at_ns: int) -> bool:
        """Whether a time is in the range."""
        return (self.since_ns is None or at_ns >= self.since_ns) and (self.until_ns is None or at_ns < self.until_ns)


ALWAYS = TimeRange()


def parts_of(paths: Sequence[str], when: TimeRange) -> list[Part]:
    """The parts of all files, in order. Raises AlertFileError."""
    found: list[Part] = []
    for path in paths:
        try:
            found += _parts(path, when)
        except OSError as error:
            raise unreadable(path, error) from error
    return found


def read_part(part: Part, when: TimeRange) -> Iterator[Recorded | None]:
    """The alerts of a part that are in the range; None for each line that is not an alert. Raises AlertFileError."""
    match part.form:
        case Form.JOURNAL:
            yield from _read_journal(part)
        case Form.LINES:
            yield from _in_range(_read_lines(part), when)
        case Form.WHOLE:
            yield from _in_range(read_alerts(part.path), when)


def _in_range(lines: Iterator[object], when: TimeRange) -> Iterator[Recorded | None]:
    for each in lines:
        if not isinstance(each, Line):
            yield None
        elif when.includes(each.at_ns):
            yield Recorded(each.alert, each.at_ns)


def _parts(path: str, when: TimeRange) -> Iterator[Part]:
    if path == STANDARD_INPUT:
        yield Part(path, Form.WHOLE)
    elif is_journal(path):
        yield from _journal_parts(path, when)
    elif is_repeatable(path) and _is_plain(path):
        size = Path(path).stat().st_size
        for start in range(0, size, _PART_BYTES):
            yield Part(path, Form.LINES, start, min(start + _PART_BYTES, size))
    else:
        yield Part(path, Form.WHOLE)


def _journal_parts(path: str, when: TimeRange) -> Iterator[Part]:
    try:
        journal = open_to_read(location_of(path))
        try:
            numbers = journal.history.span(when.since_ns, when.until_ns)
        finally:
            journal.close()
    except JournalError as error:
        raise AlertFileError(str(error)) from error
    for start in range(numbers.start, numbers.stop, _PART_ALERTS):
        yield Part(path, Form.JOURNAL, start, min(start + _PART_ALERTS, numbers.stop))


def _read_journal(part: Part) -> Iterator[Recorded]:
    try:
        journal = open_to_read(location_of(part.path))
        try:
            for each in journal.history.read(range(part.start, part.end)):
                yield Recorded(each.alert, each.received_ns)
        finally:
            journal.close()
    except JournalError as error:
        raise AlertFileError(str(error)) from error


def _is_plain(path: str) -> bool:
    """Whether each line is an alert of its own.

    In container logs and terminal material, several lines belong together.
    """
    with Path(path).open("rb") as file:
        start = file.read(_LOOK_AHEAD)
        if start.startswith(GZIP_HEADER) or (start and _has_terminal_material(file)):
            return False
    unwrapper = Unwrapper()
    lines = start.split(b"\n")[:-1] or [start]
    return all(unwrapper.feed(line) == line.rstrip(b"\r") for line in lines)


def _has_terminal_material(file: BinaryIO) -> bool:
    """Whether the file may contain alerts of the rules that record terminals."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(MATERIAL_MARK) >= 0


def _read_lines(part: Part) -> Iterator[object]:
    try:
        with Path(part.path).open("rb") as file:
            file.seek(part.start)
            if part.start:
                file.seek(-1, os.SEEK_CUR)
                file.readline()  # it started in the previous part
            yield from read_lines(_until(file, part.end))
    except OSError as error:
        raise unreadable(part.path, error) from error


def _until(file: BinaryIO, end: int) -> Iterator[bytes]:
    """The lines that start before ``end``."""
    at = file.tell()
    while at < end and (line := file.readline()):
        at += len(line)
        yield line
