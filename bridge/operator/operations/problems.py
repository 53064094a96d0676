"""Finds problems in a status, the most urgent first. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.operator.model.status import ChannelStatus, SourceStatus, Status, StatusProblem

_MOST_LISTED = 100
_ENOUGH = 10
"""Writes of shells that are needed to recognize Falco's settings."""
_CUT = 50
"""One write in so many is cut where lines are long."""


def problems_of(status: Status) -> list[StatusProblem]:
    """Readiness, then channels, then sources, then dropped events, then what only needs tidying."""
    found = [
        *_readiness(status),
        *(problem for each in status.channels or () for problem in _channel(each)),
        *(problem for each in status.sources for problem in _source(each)),
        *_drops(status),
        *(problem for each in status.channels or () for problem in _dead_letters(each)),
        *_console(status),
        *_shadow(status),
        *_terminal(status),
    ]
    return found[:_MOST_LISTED]


def _readiness(status: Status) -> Iterator[StatusProblem]:
    if status.not_ready:
        yield StatusProblem(subject="bridge", text=status.not_ready)
    if status.channels is None:
        yield StatusProblem(
            subject="journal", text="it cannot be read, so the state of the channels is unknown",
            remedy="see the bridge's log",
        )  # fmt: skip


def _console(status: Status) -> Iterator[StatusProblem]:
    if status.console is not None and status.console.problem:
        yield StatusProblem(
            subject="console", text=f"not served: {status.console.problem}", remedy="alerts are not affected"
        )


def _channel(channel: ChannelStatus) -> Iterator[StatusProblem]:
    if channel.circuit in {"open", "half-open"} or channel.consecutive_failures:
        times = "once" if channel.consecutive_failures == 1 else f"{channel.consecutive_failures} times in a row"
        failing = f"failed {times}: {channel.last_failure}" if channel.consecutive_failures else "circuit open"
        yield StatusProblem(
            subject=f"channel {channel.channel}", text=f"{failing}; {channel.waiting} waiting",
            remedy=f"after fixing it: falco-bridge channels test {channel.channel}",
        )  # fmt: skip


def _source(source: SourceStatus) -> Iterator[StatusProblem]:
    name = " ".join(dict.fromkeys(filter(None, (source.source_name, source.peer))))
    if source.connected_since_ns is None:
        yield StatusProblem(subject=f"source {name}", text=source.problem or "not connected")
    elif source.problem:
        yield StatusProblem(subject=f"source {name}", text=source.problem)


def _drops(status: Status) -> Iterator[StatusProblem]:
    for each in status.nodes_with_drops:
        dropped = [
            f"{count:.0f} {noun}"
            for count, noun in ((each.events_dropped, "events"), (each.outputs_dropped, "alerts"))
            if count
        ]
        yield StatusProblem(
            subject=f"node {each.node}", text=f"Falco dropped {' and '.join(dropped)}; alerts may be missing",
            remedy="raise engine.modern_ebpf.buf_size_preset or outputs_queue.capacity in falco.yaml",
        )  # fmt: skip


def _dead_letters(channel: ChannelStatus) -> Iterator[StatusProblem]:
    if channel.dead_letters:
        noun = "dead letter" if channel.dead_letters == 1 else "dead letters"
        yield StatusProblem(
            subject=f"channel {channel.channel}", text=f"{channel.dead_letters} {noun}",
            remedy="run `falco-bridge dead list`",
        )  # fmt: skip


def _shadow(status: Status) -> Iterator[StatusProblem]:
    shadow = status.shadow
    if shadow is not None and shadow.problem:
        yield StatusProblem(
            subject="shadow", text=f"its routes are not used: {shadow.problem}", remedy="run `falco-bridge check`"
        )
    elif shadow is not None and shadow.faults:
        yield StatusProblem(
            subject="shadow", text=f"it failed {shadow.faults} times ({shadow.last_fault}); the live routes did not",
            remedy="see the bridge's log, and report the error",
        )  # fmt: skip


def _terminal(status: Status) -> Iterator[StatusProblem]:
    """The terminal rules are loaded, and Falco lacks their settings."""
    terminal = status.terminal
    if terminal is None:
        return
    if terminal.undecoded >= _ENOUGH and terminal.undecoded * 2 > terminal.writes:
        yield StatusProblem(
            subject="terminal", text="Falco reports what shells paint without base64: typed commands cannot be read",
            remedy="set buffer_format_base64: true in falco.yaml (before Falco 0.40: the option -b)",
        )  # fmt: skip
    if terminal.cut >= _ENOUGH and terminal.cut * _CUT > terminal.writes:
        yield StatusProblem(
            subject="terminal", text="Falco cuts what shells paint: long commands are incomplete",
            remedy="set falco_libs: {snaplen: 1024} in falco.yaml (before Falco 0.40: the option -S 1024)",
        )  # fmt: skip
