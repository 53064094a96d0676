"""The values of the operator API about backtests. The console's process serves these operations."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from bridge.operator.model.base import Answer, Request

_File = Annotated[str, Meta(max_length=4096, description="A route file of the config, or one that these import.")]
_Route = Annotated[str, Meta(max_length=1000, description="The route that `text` replaces; empty for the whole file.")]
_Time = Annotated[str, Meta(max_length=100, description="Such as `2h`, `yesterday 22:00`, or a time of RFC 3339.")]
_Id = Annotated[str, Meta(max_length=64)]


class ShowRouteFile(Request, frozen=True):
    """Which route file to show."""

    file: _File = ""


class RouteFileText(Answer, frozen=True):
    """A route file as it is on the disk; without `file`, the first one."""

    file: str
    version: Annotated[str, Meta(description="Another one after a change of the file.")]
    text: str
    routes: Annotated[list[str], Meta(description="The names of its routes.")]
    files: Annotated[list[str], Meta(description="Every route file of the config, and those that these import.")]


class EditedRoutes(Request, frozen=True):
    """An edited route file, or one edited route of it."""

    text: Annotated[str, Meta(max_length=256 << 10)]
    file: _File = ""
    route: _Route = ""
    version: Annotated[str, Meta(max_length=64, description="Of the file; refused where it has changed since.")] = ""


class RoutesPatch(Answer, frozen=True):
    """A unified diff for `git apply` or `patch -p1`."""

    folder: Annotated[str, Meta(description="Where it applies.")]
    patch: str


class StartBacktest(Request, frozen=True):
    """The routes to try, and the span of recorded alerts."""

    text: Annotated[str, Meta(max_length=256 << 10)]
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
