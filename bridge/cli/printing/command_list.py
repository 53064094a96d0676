"""Prints commands: by session, one per line, as JSON and as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator

from bridge.alert import Alert
from bridge.cli.printing.table import many, styled
from bridge.common.clocks.durations import duration_text
from bridge.common.text import one_line
from bridge.terminal.derived import SEPARATOR, shown_place, shown_text, shown_user
from bridge.workbench.commands import COLUMNS, clock, command_record, confidence_of

_TEXT = 2000
_NAME = 200
_CERTAIN = 0.9
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def one_session(alerts: Iterable[Alert], identity: str) -> list[Alert] | str:
    """The commands of the session that the id names, its own or that of one of its commands; else the problem."""
    by_session: dict[str, list[Alert]] = {}
    named: set[str] = set()
    for alert in alerts:
        session = alert.fields.get("cmd.session", "")
        by_session.setdefault(session, []).append(alert)
        if session.startswith(identity) or alert.id.startswith(identity):
            named.add(session)
    if len(named) > 1:
        return f"{len(named)} sessions have an id that begins with {identity}; write more of it"
    return by_session[named.pop()] if named else f"no session and no command has the id {identity}"


def as_json(alerts: Iterable[Alert]) -> Iterator[str]:
    """One object per command."""
    for alert in alerts:
        yield json.dumps(command_record(alert), ensure_ascii=False)


def as_csv(alerts: Iterable[Alert]) -> Iterator[str]:
    """A header, then one row per command. Nothing that was typed becomes a formula in a spreadsheet."""
    header = True
    for alert in alerts:
        if header:
            yield _row(COLUMNS)
            header = False
        yield _row([_cell(value) for value in command_record(alert).values()])


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = SEPARATOR.join(value) if isinstance(value, list) else "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _row(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


def as_lines(alerts: Iterable[Alert]) -> Iterator[str]:
    """One line per command, with its place and user."""
    for alert in alerts:
        place, user = _place_and_user(alert)
        yield f"{clock(alert)}  {styled(place, 'bold')}  {user}  {_text(alert)}"


def as_sessions(alerts: Iterable[Alert]) -> Iterator[str]:
    """Each session with its commands, the session that began first comes first."""
    sessions: dict[str, list[Alert]] = {}
    for alert in alerts:
        sessions.setdefault(alert.fields.get("cmd.session", ""), []).append(alert)
    for index, (session, commands) in enumerate(sessions.items()):
        if index:
            yield ""
        yield _head(session, commands)
        for alert in commands:
            yield from _command(alert)


def _head(session: str, commands: list[Alert]) -> str:
    first, last = commands[0], commands[-1]
    place, user = _place_and_user(last)
    seconds = (last.time_ns - first.time_ns) / 1e9
    day = first.get("evt.datetime.s") or ""
    node = "" if place.endswith(last.hostname) else f" on {one_line(last.hostname, _NAME)}"
    count = f"{many(len(commands), 'command')} in {duration_text(seconds)}"
    return f"{styled(place, 'bold')}{node}  {user}\n  {day} UTC, {count}, session {one_line(session, _NAME)}"


def _place_and_user(alert: Alert) -> tuple[str, str]:
    return one_line(shown_place(alert.fields, alert.hostname), _NAME), one_line(shown_user(alert.fields), _NAME)


def _command(alert: Alert) -> Iterator[str]:
    yield f"  {clock(alert)}  {_text(alert)}"
    fields = alert.fields
    text = fields.get("cmd.text", "")
    for name in ("ran", "wrote"):
        value = fields.get(f"cmd.{name}")
        if value and value != text:
            yield styled(f"            {name} {one_line(value, _TEXT)}", "dim")
    code = fields.get("cmd.exit", "0")
    if code != "0":
        yield styled(f"            exit {one_line(code, 20)}", "dim")


def _text(alert: Alert) -> str:
    fields = alert.fields
    notes = []
    if fields.get("cmd.aborted") == "true":
        notes.append("^C, not run")
    if fields.get("cmd.source") == "execve" and fields.get("cmd.text"):
        notes.append("a program; its line is not known")
    elif (confidence_of(alert) or 0) < _CERTAIN:
        notes.append("may be incomplete")
    text = one_line(shown_text(fields), _TEXT)
    return f"{text}  {styled('(' + '; '.join(notes) + ')', 'yellow')}" if notes else text
