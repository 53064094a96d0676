"""How the notifications of two sets of routes differ: as text for people, as JSON, and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bridge.cli.printing.table import Styled, as_table, many, moment
from bridge.cli.trial.replay_report import sample_json, sample_text, time_text, unjudged_json
from bridge.common.text import one_line
from bridge.routing.comparison import Change

if TYPE_CHECKING:
    from bridge.pipeline.shadow.differences import Row
    from bridge.workbench.replay.difference import DifferenceTally
    from bridge.workbench.replay.masks import Unjudged

_NAME = 60
_MOST_ROWS = 60
_MOST_EXAMPLES = 30_000
"""Characters of examples in Markdown: a comment on GitHub may have 65,536."""
_STYLES = {Change.GAINED: "green", Change.LOST: "red", Change.CHANGED: "yellow"}
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:/-")
"""Characters that mean nothing in Markdown and HTML within ``<code>``."""


def diff_lines(
    tally: DifferenceTally, unjudged: Sequence[Unjudged], remembering: int, remarks: Sequence[str] = ()
) -> Iterator[str]:
    """The report for people. ``remarks`` are added at its end."""
    yield headline(tally)
    rows = changed_rows(tally)
    if rows:
        yield ""
        yield as_table([_HEADER, *(_cells(key, row) for key, row in rows[:_MOST_ROWS])])
        yield from _more(len(rows))
    yield from _examples(rows)
    yield from limits(unjudged, remembering)
    yield from remarks


def diff_json(tally: DifferenceTally, unjudged: Sequence[Unjudged]) -> dict[str, Any]:
    """The report for programs. Times are RFC 3339; the route ``""`` is the channel itself."""
    return {
        "alerts": tally.alerts,
        "lines_without_alert": tally.no_alerts,
        "first": time_text(tally.first_ns),
        "last": time_text(tally.last_ns),
        "differs": tally.differences.differs,
        **{change.value: tally.differences.changes[change] for change in Change},
        "rows": [
            {
                "channel": channel,
                "route": route,
                "before": row.old,
                "after": row.new,
                **{change.value: row.changes[change] for change in Change},
                "samples": {
                    change.value: [sample_json(each) for each in samples.by_time()]
                    for change, samples in row.samples.items()
                    if samples.found
                },
            }
            for (channel, route), row in sorted(tally.differences.rows.items())
        ],
        "not_judged": [unjudged_json(each) for each in unjudged],
    }


def diff_markdown(
    tally: DifferenceTally, unjudged: Sequence[Unjudged], remembering: int, remarks: Sequence[str] = ()
) -> Iterator[str]:
    """The report for a pull request. Text of alerts and names act neither as Markdown nor as mentions."""
    yield f"### Routes: {headline(tally)}"
    rows = changed_rows(tally)
    if rows:
        yield ""
        yield "| channel | route | before | after | gained | lost | changed |"
        yield "|---|---|--:|--:|--:|--:|--:|"
    for (channel, route), row in rows[:_MOST_ROWS]:
        counts = (row.changes[change] for change in Change)
        signed = (f"{sign}{count:,}" if count else "" for sign, count in zip(("+", "-", ""), counts, strict=True))
        names = (f"**{inline_code(channel)}**" if not route else "", inline_code(route) if route else "")
        yield f"| {' | '.join((*names, f'{row.old:,}', f'{row.new:,}', *signed))} |"
    yield from _more(len(rows))
    shown = list(_within([line for line in _examples(rows) if line.strip()], _MOST_EXAMPLES))
    if shown:
        fence = _fence(shown)
        yield f"\n<details><summary>Examples</summary>\n\n{fence}text"
        yield from shown
        yield f"{fence}\n\n</details>"
    left_open = [line.strip() for line in (*limits(unjudged, remembering), *remarks)]
    if left_open:
        fence = _fence(left_open)
        yield f"\n{fence}text"
        yield from left_open
        yield fence


def headline(tally: DifferenceTally) -> str:
    """What the comparison found, in one sentence."""
    skipped = f"; {many(tally.no_alerts, 'line')} contained no alert" if tally.no_alerts else ""
    if tally.first_ns is None or tally.last_ns is None:
        return f"no alert to compare{skipped}"
    span = f"{many(tally.alerts, 'alert')} from {moment(tally.first_ns)} to {moment(tally.last_ns)}{skipped}"
    changes = tally.differences.changes
    if not tally.differences.differs:
        return f"the same notifications for {span}"
    if not changes:
        return f"the same notifications, sent by other routes, for {span}"
    counts = ", ".join(f"{changes[change]:,} {change.value}" for change in Change if changes[change])
    return f"notifications: {counts}, for {span}"


def changed_rows(tally: DifferenceTally) -> list[tuple[tuple[str, str], Row]]:
    """The rows with a difference, by channel; each channel comes before its routes."""
    return sorted(
        (key, row) for key, row in tally.differences.rows.items() if row.changes or _changed_below(tally, key)
    )


def limits(unjudged: Sequence[Unjudged], remembering: int) -> Iterator[str]:
    """What the figures leave open. ``remembering`` is the number of routes with memory in both sets."""
    from bridge.cli.trial.replay_report import unjudged_lines

    yield from unjudged_lines(unjudged)
    if remembering:
        yield (f"\n{many(remembering, 'route')} with memory started without state. Acknowledgements were not replayed.")


def inline_code(text: str) -> str:
    """Text as code in a Markdown table. Everything but plain characters becomes an HTML entity."""
    return f"<code>{''.join(char if char in _PLAIN else f'&#{ord(char)};' for char in one_line(text, _NAME))}</code>"


_HEADER = ["CHANNEL", "ROUTE", "BEFORE", "AFTER", "GAINED", "LOST", "CHANGED"]


def _cells(key: tuple[str, str], row: Row) -> list[str | Styled]:
    channel, route = key
    counts = [
        Styled(f"{sign}{row.changes[change]:,}" if row.changes[change] else "", _STYLES[change])
        for sign, change in zip(("+", "-", ""), Change, strict=True)
    ]
    name = "" if route else one_line(channel, _NAME)
    return [name, one_line(route, _NAME), f"{row.old:,}", f"{row.new:,}", *counts]


def _examples(rows: Sequence[tuple[tuple[str, str], Row]]) -> Iterator[str]:
    """Those of routes; those of a channel where none of its routes has any, as when a text changes."""
    for (channel, route), row in rows[:_MOST_ROWS]:
        for change, samples in row.samples.items():
            if samples.found and (route or change is Change.CHANGED):
                to = one_line(channel, _NAME) + (f' by "{one_line(route, _NAME)}"' if route else "")
                yield f"\n{change.value}: {to}"
                for sample in samples.by_time():
                    yield f"  {sample_text(sample)}"


def _within(lines: Sequence[str], length: int) -> Iterator[str]:
    """The lines that fit into so many characters; the last one says that there are more."""
    for line in lines:
        length -= len(line)
        if length < 0:
            yield "…"
            return
        yield line.strip("\n")


def _changed_below(tally: DifferenceTally, key: tuple[str, str]) -> bool:
    """Whether it is a channel that a route notifies differently."""
    return not key[1] and any(row.changes for (channel, _), row in tally.differences.rows.items() if channel == key[0])


def _more(count: int) -> Iterator[str]:
    if count > _MOST_ROWS:
        yield f"\n… {many(count - _MOST_ROWS, 'further row')}; --json prints all"


def _fence(lines: Sequence[str]) -> str:
    """A fence of more backticks than any line contains in a row."""
    longest = max((len(run) for line in lines for run in _runs(line)), default=0)
    return "`" * max(3, longest + 1)


def _runs(line: str) -> list[str]:
    import re

    return re.findall("`+", line)
