"""Starts backtests, and makes patches, of what a visitor typed or a program sent."""

from __future__ import annotations

import time
from pathlib import PurePath

from bridge.common.clocks.human_times import HUMAN_TIME_FORMS, parse_human_time
from bridge.common.clocks.timezone import find_zone
from bridge.console.backtest.edit import Typed, edit_of
from bridge.console.backtest.files import EditError, patch_of, place_of
from bridge.console.backtest.messages import Try
from bridge.console.backtest.runs import Backtests, Run
from bridge.journal.location import Location, location_settings


def start_backtest(backtests: Backtests, journal: Location, typed: Typed) -> Run:
    """Start a backtest. Raises EditError for what cannot be tried."""
    edit = edit_of(backtests, typed)
    since_ns, until_ns = _span(typed)
    zone = typed.zone if find_zone(typed.zone) else "UTC"
    settings = location_settings(journal)
    return backtests.start(typed, Try(backtests.config, edit.file.path, edit.text, settings, since_ns, until_ns, zone))


def patch_for(backtests: Backtests, typed: Typed) -> tuple[str, str, str]:
    """The edit as a patch, the folder where it applies, and the name of a file for it. Raises EditError."""
    edit = edit_of(backtests, typed, unchanged=True)
    folder, name = place_of(edit.file.path, backtests.config)
    patch = patch_of(edit.file, edit.text, name)
    if not patch:
        raise EditError("nothing is changed, so there is no patch")
    return patch, folder, f"{PurePath(name).stem}.patch"


def _span(typed: Typed) -> tuple[int | None, int | None]:
    """The times of a backtest. Raises EditError."""
    now_ns, zone = time.time_ns(), find_zone(typed.zone) if typed.zone else None
    found: dict[str, int | None] = {}
    for name, text in (("since", typed.since.strip()), ("until", typed.until.strip())):
        found[name] = parse_human_time(text, now_ns, zone) if text else None
        if text and found[name] is None:
            raise EditError(f"`{text}` is not a time; {HUMAN_TIME_FORMS}")
    since_ns, until_ns = found["since"], found["until"]
    if since_ns is not None and until_ns is not None and since_ns >= until_ns:
        raise EditError("the beginning must be a time before the end")
    return since_ns, until_ns
