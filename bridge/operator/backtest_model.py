"""The values of the operator API about backtests. The console's process serves these operations."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from bridge.operator.model.base import Answer, Request

_File = Annotated[str, Meta(max_length=4096, description="A route file of the config, or one that these import.")]
_Route = Annotated[str, Meta(max_length=1000, description="The route that `text` replaces; empty for the whole file.")]
_Time = Annotated[str, Meta(max_length=100, description="Such as `2h`, `yesterday 22:00`, or a time of RFC 3339.")]
_Text = Annotated[str, Meta(max_length=256 << 10)]
_Units = Annotated[
    Literal["characters", "utf-16"],
    Meta(description="What offsets in `text` count: Unicode characters, or UTF-16 code units as a browser does."),
]
_Id = Annotated[str, Meta(max_length=64)]


class ShowRouteFile(Request, frozen=True):
    """Which route file to show, or which of its routes."""

    file: _File = ""
    route: Annotated[str, Meta(max_length=1000, description="The route to show alone; empty for the whole file.")] = ""


class RouteFileText(Answer, frozen=True):
    """A route file as it is on the disk, or one of its routes; without `file`, the first one."""

    file: str
    version: Annotated[str, Meta(description="Another one after a change of the file.")]
    text: Annotated[str, Meta(description="Of the file, or of `route` alone.")]
    routes: Annotated[list[str], Meta(description="The names of its routes.")]
    files: Annotated[list[str], Meta(description="Every route file of the config, and those that these import.")]


class EditedRoutes(Request, frozen=True):
    """An edited route file, or one edited route of it."""

    text: _Text
    file: _File = ""
    route: _Route = ""
    version: Annotated[str, Meta(max_length=64, description="Of the file; refused where it has changed since.")] = ""


class CheckRoutes(Request, frozen=True):
    """An edited route file, or one edited route of it, to be checked as editors check it. Nothing is stored."""

    text: _Text
    file: _File = ""
    route: _Route = ""
    units: _Units = "characters"


class CompleteRoutes(Request, frozen=True):
    """A place in an edited route file, or in one edited route of it."""

    text: _Text
    offset: Annotated[int, Meta(ge=0, description="The place in `text`, in `units`; its end where it is shorter.")]
    file: _File = ""
    route: _Route = ""
    units: _Units = "characters"


class RouteFix(Answer, frozen=True):
    """An edit that removes a problem: what replaces the text from `start` to `end`."""

    title: str
    start: int
    end: int
    text: str


class RouteProblem(Answer, frozen=True):
    """A problem of the edited text, or one that it causes elsewhere."""

    severity: Annotated[str, Meta(description="`error`, `warning` or `info`.")]
    code: str
    message: str
    hint: str
    file: str
    line: Annotated[int, Meta(description="From 1; of `text` where `start` is given, of the file otherwise.")]
    column: int
    start: Annotated[int | None, Meta(description="Where it begins in `text`; null for a problem elsewhere.")]
    end: int | None
    fixes: list[RouteFix]


class RouteProblems(Answer, frozen=True):
    """The problems of edited routes, errors of the edited file first, at most 50."""

    items: list[RouteProblem]
    more: Annotated[int, Meta(description="How many were left out.")]
    usable: Annotated[bool, Meta(description="Whether the routes could run: there is no error.")]


class RouteCompletion(Answer, frozen=True):
    """Something that can be written."""

    label: str
    text: Annotated[str, Meta(description="What is inserted.")]
    detail: str


class RouteCompletions(Answer, frozen=True):
    """What can be written in place of the text from `start` to the offset, the best first, at most 50."""

    start: int
    items: list[RouteCompletion]


class RoutesPatch(Answer, frozen=True):
    """A unified diff for `git apply` or `patch -p1`."""

    folder: Annotated[str, Meta(description="Where it applies.")]
    patch: str


class StartBacktest(Request, frozen=True):
    """The routes to try, and the span of recorded alerts."""

    text: _Text
    file: _File = ""
    route: _Route = ""
    since: _Time = "24h"
    until: _Time = ""
    zone: Annotated[str, Meta(max_length=100, description="For times and nights, such as `Europe/Berlin`.")] = ""


class NameBacktest(Request, frozen=True):
    """Which backtest to show or cancel."""

    id: _Id


class BacktestExample(Answer, frozen=True):
    """One notification that differs."""

    change: Annotated[str, Meta(description="`gained`, `lost` or `changed`.")]
    alert_id: str
    at_ns: int
    severity: str
    headline: str
    where: str
    kind: str
    count: int


class BacktestRow(Answer, frozen=True):
    """The notifications of a channel, or of one route to a channel, on the disk (`before`) and edited (`after`)."""

    channel: str
    route: Annotated[str, Meta(description="Empty for the channel itself.")]
    before: int
    after: int
    gained: int
    lost: int
    changed: int
    night_before: Annotated[int, Meta(description="Of a channel: those between 22:00 and 7:00.")]
    night_after: int
    examples: list[BacktestExample]


class BacktestResult(Answer, frozen=True):
    """What a backtest found."""

    alerts: int
    first_ns: int | None
    last_ns: int | None
    nights: int
    zone: str
    rows: list[BacktestRow]
    more_rows: int
    stopped: Annotated[bool, Meta(description="Whether the time was up; the result then covers the first part.")]
    remarks: list[str]


class BacktestStatus(Answer, frozen=True):
    """A backtest. The latest 20 of the console are stored; two run at a time, each for at most 120 s."""

    id: str
    state: Annotated[str, Meta(description="`running`, `done` or `failed`; a cancelled one has failed.")]
    started_ns: int
    done: Annotated[int, Meta(description="How many alerts were routed.")]
    all: int
    problem: Annotated[str, Meta(description="Why it failed; empty if it did not.")]
    result: BacktestResult | None
