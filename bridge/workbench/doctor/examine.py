"""Findings about the routes, the nodes and the journal. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bridge.common.clocks.durations import duration_text
from bridge.language.program.program import Program, Route
from bridge.matching.analysis.reach import extras, never_emitted, reaching, unprintable
from bridge.matching.normal import fields_of
from bridge.workbench.doctor.finding import Finding, Gravity
from bridge.workbench.doctor.survey import Survey

_SECOND = 1_000_000_000
_QUIET_SECONDS = 3600
_SKEW_SECONDS = 5.0
_LATE_SECONDS = 120.0
_ENOUGH_ALERTS = 100
"""With fewer alerts, a route or a field that was never seen says nothing."""
_TERMINAL = "terminal"


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system of the journal. Sizes in bytes."""

    free: int
    total: int
    journal: int
    limit: int
    """``journal.retention.size``."""


def alerts_arrive(found: Survey, now_ns: int, span: str) -> Iterator[Finding]:
    """Whether alerts came lately."""
    if not found.alerts:
        yield Finding(
            Gravity.PROBLEM, "alerts", f"none was received in the last {span}",
            "trigger one: run `cat /etc/shadow` on a node with Falco. If it does not arrive, compare falco.yaml with "
            "docs/sources.md",
        )  # fmt: skip
        return
    quiet = max(now_ns - found.latest_ns, 0) / _SECOND
    if quiet > _QUIET_SECONDS:
        yield Finding(
            Gravity.WARNING, "alerts", f"the latest was received {duration_text(quiet)} ago",
            "trigger one: run `cat /etc/shadow` on a node with Falco",
        )  # fmt: skip
    else:
        yield Finding(Gravity.OK, "alerts", f"{found.alerts} in the last {span}, the latest {duration_text(quiet)} ago")


def clocks(found: Survey) -> Iterator[Finding]:
    """Nodes whose alerts come from the future, or late."""
    well = 0
    for node, delay in found.delays():
        if delay < -_SKEW_SECONDS:
            yield Finding(
                Gravity.PROBLEM, f"node {node}", f"its clock is {duration_text(-delay)} ahead of this machine's",
                "synchronize both clocks (chrony, systemd-timesyncd): sequences and joins compare the times of events",
            )  # fmt: skip
        elif delay > _LATE_SECONDS:
            yield Finding(
                Gravity.WARNING, f"node {node}",
                f"its alerts arrive {duration_text(delay)} after the event, or its clock is behind",
                "synchronize the clocks; if they agree, look for a queue between Falco and the bridge",
            )  # fmt: skip
        else:
            well += 1
    if well:
        nodes = "1 node agrees" if well == 1 else f"{well} nodes agree"
        yield Finding(Gravity.OK, "clocks", f"{nodes} with this machine's")


def fields(program: Program, found: Survey) -> Iterator[Finding]:
    """Fields that a route reads and that no alert had which the route could match."""
    if found.alerts < _ENOUGH_ALERTS:
        return
    rules = found.rules()
    well = 0
    for route in program.routes:
        missing = sorted(never_emitted(route, rules) - unprintable(route).keys())
        if not missing:
            well += 1
            continue
        lines = [each.line() for each in extras((route,), rules, all_rules=False)]
        yield Finding(
            Gravity.WARNING, _named(route), f"no alert had {', '.join(missing)}, which the route reads",
            "add to falco.yaml, and restart Falco:" if lines else "name it in the output of the Falco rule",
            ("append_output:", *(f"  {line}" for line in lines)) if lines else (),
        )  # fmt: skip
    if well:
        yield Finding(Gravity.OK, "fields", f"alerts have every field that {well} of {len(program.routes)} routes read")


def routes_fire(program: Program, found: Survey, span: str) -> Iterator[Finding]:
    """Routes that matched nothing."""
    if found.alerts < _ENOUGH_ALERTS:
        return
    rules = found.rules()
    silent = [route for route in program.routes if not found.fired[route.name] and not _about_internal(route)]
    for route in silent:
        why = "" if reaching(route, rules) else "; no rule whose alerts came can match it"
        yield Finding(
            Gravity.WARNING, _named(route), f"it matched none of {found.alerts} alerts in the last {span}{why}",
            "falco-bridge explain --alerts FILE shows why an alert does not match",
        )  # fmt: skip
    if len(silent) < len(program.routes):
        fired = len(program.routes) - len(silent)
        yield Finding(Gravity.OK, "routes", f"{fired} of {len(program.routes)} matched alerts in the last {span}")


def typed_commands(program: Program, found: Survey) -> Iterator[Finding]:
    """Routes on typed commands, and none came."""
    readers = [route for route in program.routes if _reads_commands(route)]
    if readers and found.alerts >= _ENOUGH_ALERTS and not found.alert_sources[_TERMINAL]:
        yield Finding(
            Gravity.WARNING, _named(readers[0]), "it is about commands typed in terminals, and none was received",
            "load the rules and the settings of falco.yaml in examples/terminal",
        )  # fmt: skip


def disk(seen: Disk) -> Iterator[Finding]:
    """Whether the journal has room for what it may grow to."""
    growth = max(seen.limit - seen.journal, 0)
    if seen.free < 0.05 * seen.total:
        yield Finding(
            Gravity.PROBLEM, "disk", f"{_size(seen.free)} of {_size(seen.total)} are free where the journal is",
            "free space; when the disk is full, alerts wait at their senders",
        )  # fmt: skip
    elif growth > seen.free:
        yield Finding(
            Gravity.WARNING, "disk", f"the journal may grow by {_size(growth)}, and {_size(seen.free)} are free",
            "lower journal.retention.size, or give it a larger disk",
        )  # fmt: skip
    else:
        journal = f"has {_size(seen.journal)}" if seen.limit else "is in a database"
        yield Finding(Gravity.OK, "disk", f"{_size(seen.free)} are free; the journal {journal}")


def _named(route: Route) -> str:
    return f'route "{route.name}"'


def _about_internal(route: Route) -> bool:
    return route.when is not None and "source" in fields_of(route.when)


def _reads_commands(route: Route) -> bool:
    return route.when is not None and any(name.startswith("cmd.") for name in fields_of(route.when))


def _size(count: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
