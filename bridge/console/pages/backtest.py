"""The backtest: a route file or one of its routes in an editor, and what the edited routes would have sent."""

from __future__ import annotations

from pathlib import Path

from bridge.console.ask import Ask, Page
from bridge.console.backtest.edit import Typed, open_file
from bridge.console.backtest.files import EditError, RouteFile, place_of, routes_of
from bridge.console.backtest.messages import LARGEST_TEXT, MOST_SECONDS, Failed, Tried
from bridge.console.backtest.runs import Backtests

_SINCE = "24h"


def _values(ask: Ask) -> dict[str, object] | None:
    backtests = ask.backtests
    run = backtests.find(ask.text("run"))
    typed = None if run is None else run.typed
    files, file, problem = _opened(backtests, typed, ask)
    if typed is None:
        typed, problem = _fresh(file, ask, problem)
    result = None if run is None else run.result
    return {
        "files": {each: _shown(each, backtests.config) for each in files},
        "shown_path": _shown(typed.path, backtests.config),
        "file": file,
        "routes": [] if file is None else routes_of(file.text),
        "typed": typed,
        "folder": None if file is None else place_of(file.path, backtests.config)[0],
        "problem": problem or (result.text if isinstance(result, Failed) else ""),
        "run": run,
        "lost": bool(ask.text("run")) and run is None,
        "tried": result if isinstance(result, Tried) else None,
        "largest": LARGEST_TEXT,
        "seconds": MOST_SECONDS,
    }


def _shown(path: str, config: str) -> str:
    """A path from the config's folder, where it is in there."""
    folder = Path(config).parent
    return str(Path(path).relative_to(folder)) if Path(path).is_relative_to(folder) else path


def _opened(backtests: Backtests, typed: Typed | None, ask: Ask) -> tuple[list[str], RouteFile | None, str]:
    """The files that can be edited, the chosen one, and what is wrong."""
    files: list[str] = []
    try:
        files = backtests.files()
        return files, open_file(backtests, ask.text("file") if typed is None else typed.path), ""
    except EditError as error:
        return files, None, str(error)


def _fresh(file: RouteFile | None, ask: Ask, problem: str) -> tuple[Typed, str]:
    """The text of the file, or of one route in it."""
    since = ask.text("since") or _SINCE
    if file is None:
        return Typed("", "", since=since), problem
    route = ask.text("route")
    try:
        place = file.part(route)
    except EditError as error:
        return Typed(file.path, file.text, "", file.version, since), str(error)
    return Typed(file.path, file.text[place.start : place.stop], route, file.version, since), problem


PAGES = (Page("/backtest", "backtest.html", "Backtest", _values, in_menu=True),)
