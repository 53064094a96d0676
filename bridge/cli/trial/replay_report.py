"""What a replay counted, as text for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bridge.cli.printing.table import as_table, many, moment
from bridge.common.clocks.times import iso_text
from bridge.common.text import one_line

if TYPE_CHECKING:
    from bridge.channels.message.samples import Sample
    from bridge.language.program.program import Program
    from bridge.routing import Reason
    from bridge.workbench.replay.masks import Unjudged
    from bridge.workbench.replay.tally import Tally
    from bridge.workbench.replay.timelines import Timelines

_NAME = 60
_LINE = 160
_MOST_ROWS = 60
_BARS = " ▁▂▃▄▅▆▇█"
_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def replay_lines(tally: Tally, program: Program, unjudged: Sequence[Unjudged]) -> Iterator[str]:
    """The report for people."""
    yield _headline(tally, program)
    if not tally.alerts:
        return
    yield from _channels(tally)
    yield from _routes(tally, program)
    yield from _samples(tally)
    yield from notes(program, unjudged)


def replay_json(tally: Tally, program: Program, unjudged: Sequence[Unjudged]) -> dict[str, Any]:
    """The report for programs. Times are RFC 3339."""
    routes = [*(route.name for route in program.routes), *(["otherwise"] if program.otherwise else [])]
    return {
        "alerts": tally.alerts,
        "lines_without_alert": tally.no_alerts,
        "undecided": tally.undecided,
        "first": time_text(tally.first_ns),
        "last": time_text(tally.last_ns),
        "bucket_seconds": tally.over_time.width_ns // 1_000_000_000,
        "channels": [
            {
                "channel": channel,
                "notifications": tally.channels[channel],
                "over_time": _buckets(tally.over_time, (channel, "")),
                "routes": [
                    {
                        "route": route,
                        "notifications": sent.notifications,
                        "alerts": sent.alerts,
                        "over_time": _buckets(tally.over_time, (channel, route)),
                        "samples": [sample_json(each) for each in sent.samples.by_time()],
                    }
                    for (own, route), sent in sorted(tally.sent.items())
                    if own == channel
                ],
            }
            for channel in sorted(tally.channels)
        ],
        "routes": [
            {"route": name, "reasons": {reason.value: count for reason, count in _reasons(tally, name)}}
            for name in routes
        ],
        "not_judged": [unjudged_json(each) for each in unjudged],
        "with_memory": _with_memory(program),
    }


def unjudged_json(each: Unjudged) -> dict[str, Any]:
    """A route that cannot be judged for some alerts."""
    return {"route": each.route, "field": each.field, "alerts": each.alerts}


def sample_json(sample: Sample) -> dict[str, Any]:
    """A sample; what is not known is absent."""
    texts = {name: getattr(sample, name) for name in ("severity", "headline", "where", "who", "action")}
    known = {name: text for name, text in texts.items() if text}
    return {"id": sample.alert_id, "time": iso_text(sample.at_ns), "kind": sample.kind, "alerts": sample.count} | known


def sample_text(sample: Sample) -> str:
    """A sample in one line."""
    kind = "" if sample.kind == "single" else f"{sample.kind} of {many(sample.count, 'alert')}: "
    parts = [each for each in (sample.headline, sample.where, sample.who, sample.action) if each]
    text = one_line(" · ".join(parts), _LINE) or "its alert was received before those that are known"
    return f"{moment(sample.at_ns)}  {sample.severity}  {kind}{text}  (id {sample.alert_id[:8]})"


def notes(program: Program, unjudged: Sequence[Unjudged]) -> Iterator[str]:
    """What the figures leave open."""
    yield from unjudged_lines(unjudged)
    remembering = _with_memory(program)
    if remembering:
        yield (
            f"\n{many(len(remembering), 'route')} with memory started without state. "
            "Acknowledgements were not replayed."
        )


def unjudged_lines(unjudged: Sequence[Unjudged]) -> Iterator[str]:
    """The routes that cannot be judged for some alerts."""
    if unjudged:
        yield "\nNot judged: `redact` removed text before these alerts were stored"
    for each in unjudged[:_MOST_ROWS]:
        name = one_line(each.route, _NAME)
        yield f'  "{name}" reads {each.field}, which is masked in {many(each.alerts, "alert")}'
    yield from _more(len(unjudged), "further condition")


def time_text(at_ns: int | None) -> str | None:
    """RFC 3339; None for no time."""
    return None if at_ns is None else iso_text(at_ns)


def width_text(width_ns: int) -> str:
    """The width of a bucket: ``6 h``."""
    seconds = width_ns // 1_000_000_000
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    return f"{seconds // size} {unit}"


def bars(counts: Sequence[int]) -> str:
    """A small chart, one character a bucket."""
    highest = max(counts, default=0)
    return "".join(_BARS[-(-count * (len(_BARS) - 1) // highest)] if highest else " " for count in counts).rstrip()


def _headline(tally: Tally, program: Program) -> str:
    skipped = f"; {many(tally.no_alerts, 'line')} contained no alert" if tally.no_alerts else ""
    if tally.first_ns is None or tally.last_ns is None:
        return f"No alert to replay{skipped}."
    span = f"received from {moment(tally.first_ns)} to {moment(tally.last_ns)}"
    sent = many(sum(tally.channels.values()), "notification")
    routes = many(len(program.routes), "route")
    return f"{many(tally.alerts, 'alert')}, {span}: {sent} by {routes}{skipped}. Nothing was sent."


def _channels(tally: Tally) -> Iterator[str]:
    chart = f"OVER TIME ({width_text(tally.over_time.width_ns)} each)"
    rows: list[list[str]] = [["CHANNEL", "ROUTE", "NOTIFICATIONS", "ALERTS", "PEAK", chart]]
    by_channel: dict[str, list[tuple[int, str, int]]] = {}
    for (channel, route), sent in tally.sent.items():
        by_channel.setdefault(channel, []).append((sent.notifications, route, sent.alerts))
    for channel, count in sorted(tally.channels.items(), key=lambda item: (-item[1], item[0])):
        counts = tally.over_time.row((channel, ""))
        rows.append([one_line(channel, _NAME), "", f"{count:,}", "", f"{max(counts):,}", bars(counts)])
        for notifications, route, alerts in sorted(by_channel[channel], key=lambda each: (-each[0], each[1])):
            counts = tally.over_time.row((channel, route))
            name = one_line(route, _NAME)
            rows.append(["", name, f"{notifications:,}", f"{alerts:,}", f"{max(counts):,}", bars(counts)])
    yield ""
    yield as_table(rows[: _MOST_ROWS + 1])
    yield from _more(len(rows) - 1, "further row")


def _routes(tally: Tally, program: Program) -> Iterator[str]:
    names = [route.name for route in program.routes]
    found = [(name, _reasons(tally, name)) for name in [*names, *(["otherwise"] if program.otherwise else [])]]
    decided = [(name, reasons) for name, reasons in found if reasons]
    decided.sort(key=lambda each: -sum(count for _, count in each[1]))
    rows = [["ROUTE", "DECISIONS", "OF THESE"]]
    for name, reasons in decided:
        detail = ", ".join(f"{count:,} {reason.value.replace('_', ' ')}" for reason, count in reasons)
        rows.append([one_line(name, _NAME), f"{sum(count for _, count in reasons):,}", detail])
    if decided:
        yield ""
        yield as_table(rows[: _MOST_ROWS + 1])
        yield from _more(len(decided), "further route")
    idle = [name for name, reasons in found if not reasons]
    if idle:
        shown = ", ".join(f'"{one_line(name, _NAME)}"' for name in idle[:10])
        more = f" and {len(idle) - 10:,} more" if len(idle) > 10 else ""
        yield f"\n{many(len(idle), 'route')} matched nothing: {shown}{more}"
    if tally.undecided:
        yield f"{many(tally.undecided, 'alert')} matched no route"


def _samples(tally: Tally) -> Iterator[str]:
    shown = [(key, sent) for key, sent in sorted(tally.sent.items()) if sent.samples.found]
    if shown:
        yield "\nExamples"
    for (channel, route), sent in shown[:_MOST_ROWS]:
        yield f'  {one_line(channel, _NAME)} · "{one_line(route, _NAME)}"'
        for sample in sent.samples.by_time():
            yield f"    {sample_text(sample)}"
    yield from _more(len(shown), "further route")


def _more(count: int, noun: str) -> Iterator[str]:
    if count > _MOST_ROWS:
        yield f"  … {many(count - _MOST_ROWS, noun)}; --json prints all"


def _reasons(tally: Tally, route: str) -> list[tuple[Reason, int]]:
    from bridge.workbench.replay.tally import reasons_of

    return sorted(reasons_of(tally, route).items(), key=lambda each: -each[1])


def _buckets(over_time: Timelines[tuple[str, str]], key: tuple[str, str]) -> list[list[Any]]:
    return [[iso_text(start_ns), count] for start_ns, count in over_time.buckets(key)]


def _with_memory(program: Program) -> list[str]:
    return [route.name for route in program.routes if route.remembers]


def print_lines(lines: Iterable[str]) -> None:
    """Print a report line by line."""
    for line in lines:
        print(line)
