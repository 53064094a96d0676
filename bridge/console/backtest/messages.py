"""What the console and the process of a backtest send each other: JSON, one message a line."""

from __future__ import annotations

import msgspec

LARGEST_TEXT = 256 << 10
"""Characters of a route file that can be edited here."""
MOST_SECONDS = 120
"""How long one backtest may route alerts. The result then covers the first part of the span."""


class Edited(msgspec.Struct, frozen=True):
    """A route file as it would be."""

    config: str
    """The path of the config."""
    path: str
    """The path of the route file."""
    text: str


class Check(Edited, frozen=True, tag="check"):
    """Ask for the problems of an edited file."""


class Complete(Edited, frozen=True, tag="complete"):
    """Ask what can be written at a place."""

    offset: int


class Try(Edited, frozen=True, tag="try"):
    """Ask what the routes would have sent, compared with the files on the disk."""

    journal: dict[str, str]
    """Where the recorded alerts are, as ``location_settings`` writes it. May contain a password."""
    since_ns: int | None
    until_ns: int | None
    zone: str = "UTC"
    """Where the people are who are woken at night."""
    seconds: float = MOST_SECONDS


class Examine(msgspec.Struct, frozen=True, tag="examine"):
    """Ask for the routes on the disk, and which of them can never match."""

    config: str


Question = Check | Complete | Try | Examine


class Replacement(msgspec.Struct, frozen=True):
    """An edit that removes a problem."""

    title: str
    start: int
    end: int
    text: str


class Problem(msgspec.Struct, frozen=True):
    """A problem that the checker found. Offsets are characters of the edited file."""

    severity: str
    code: str
    message: str
    hint: str
    path: str
    """The file that it is in."""
    line: int
    column: int
    start: int
    end: int
    fixes: tuple[Replacement, ...] = ()


class Problems(msgspec.Struct, frozen=True, tag="problems"):
    """The problems of an edited file, and those that it causes in other files."""

    items: tuple[Problem, ...]
    more: int = 0
    """How many were left out."""
    usable: bool = True
    """Whether the routes could run."""


class Option(msgspec.Struct, frozen=True):
    """Something that can be written."""

    label: str
    text: str
    """What is inserted."""
    detail: str = ""


class Options(msgspec.Struct, frozen=True, tag="options"):
    """What can be written in place of the word that starts at ``start``."""

    start: int
    items: tuple[Option, ...] = ()


class Progress(msgspec.Struct, frozen=True, tag="progress"):
    """How many of the alerts were routed."""

    done: int
    all: int


class Example(msgspec.Struct, frozen=True):
    """One notification that differs. Texts are visible, bounded and of one line."""

    change: str
    alert_id: str
    at_ns: int
    severity: str
    headline: str
    where: str
    kind: str = "single"
    count: int = 1


class Row(msgspec.Struct, frozen=True):
    """The notifications of a channel, or of one route to a channel."""

    channel: str
    route: str
    """Empty for the channel itself."""
    before: int
    after: int
    gained: int
    lost: int
    changed: int
    night_before: int = 0
    """Of a channel: those between 22:00 and 7:00."""
    night_after: int = 0
    examples: tuple[Example, ...] = ()


class Tried(msgspec.Struct, frozen=True, tag="tried"):
    """What a backtest found."""

    alerts: int
    first_ns: int | None
    last_ns: int | None
    nights: int
    """How many nights the routed alerts cover, those that are covered in part included."""
    zone: str
    rows: tuple[Row, ...]
    """Each channel, followed by its routes that differ."""
    more_rows: int = 0
    stopped: bool = False
    """Whether the time was up before all alerts were routed."""
    remarks: tuple[str, ...] = ()
    """What the figures leave open."""


class ExaminedRoute(msgspec.Struct, frozen=True):
    """A route on the disk."""

    name: str
    path: str
    """Its file."""
    shadowed: str = ""
    """Why it can never act, such as that an earlier route stops all its alerts. Empty if it can."""


class Examined(msgspec.Struct, frozen=True, tag="examined"):
    """The routes on the disk."""

    routes: tuple[ExaminedRoute, ...]
    files: tuple[str, ...] = ()
    """The route files that they were read from, imported ones included."""


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """Why there is no answer."""

    text: str
    busy: bool = False
    """Whether the same question may be answered later."""


Answer = Problems | Options | Progress | Tried | Examined | Failed
