"""How silences and their previews are printed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.operator.model.silences import SilencePreview, SilenceStatus

_WIDTH = 100


def preview_lines(preview: SilencePreview) -> Iterator[str]:
    """What a silence would have held back: the counts by route and channel, examples, and what cannot be judged."""
    from bridge.cli.printing.table import many, moment
    from bridge.common.text import one_line

    if preview.alerts:
        yield f"in the last 24 hours it would have held back {many(preview.alerts, 'alert')}"
    else:
        yield "in the last 24 hours it would have held back nothing"
    if preview.stopped_ns is not None:
        yield f"counted only since {moment(preview.stopped_ns)}: there are too many alerts to look at all of them"
    for what, counts in (("route", preview.routes), ("channel", preview.channels)):
        for name, count in counts.items():
            yield f"  {count:>7}  {what} {one_line(name, _WIDTH)}"
    for each in preview.examples:
        shown = f"{moment(each.time_ns)}  {each.priority}  {each.hostname}  {each.rule}: {each.output}"
        yield f"  {one_line(shown, 2 * _WIDTH)}"
    for name, count in preview.not_judged.items():
        yield (
            f"not judged by {one_line(name, _WIDTH)} for {many(count, 'alert')}: `redact` has removed text of it, "
            "which the silence will see"
        )


def silence_lines(silence: SilenceStatus) -> Iterator[str]:
    """A silence of the list, and who changed or ended it."""
    from bridge.cli.printing.table import moment
    from bridge.common.text import one_line

    yield f"{silence.id}  {silence.state:<7}  {one_line(silence.condition, 2 * _WIDTH)}"
    comment = f': "{one_line(silence.comment, _WIDTH)}"' if silence.comment else ""
    yield f"          {when(silence)}, by {one_line(silence.author, _WIDTH)}{comment}"
    for each in silence.acts:
        what = "ended" if each.action == "expire" else "changed"
        yield f"          {what} by {one_line(each.actor, _WIDTH)}, {moment(each.acted_ns)}"


def when(silence: SilenceStatus) -> str:
    """From when until when it acts, and who is notified before it ends."""
    from bridge.cli.printing.table import moment
    from bridge.common.clocks.durations import duration_text
    from bridge.common.text import one_line

    during = f", only {one_line(silence.schedule, _WIDTH)}" if silence.schedule else ""
    before = duration_text(silence.announce_ns / 1e9)
    announce = f", announced to {one_line(silence.announce, _WIDTH)} {before} before" if silence.announce else ""
    return f"from {moment(silence.from_ns)} until {moment(silence.until_ns)}{during}{announce}"
