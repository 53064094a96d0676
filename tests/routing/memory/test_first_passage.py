"""Routes share the passage of an alert only where nothing in it differs."""

from __future__ import annotations

from msgspec.structs import replace

from bridge.alert import Priority, make_alert
from bridge.language.program.clauses import Throttle
from bridge.routing.memory.clauses.passage import pack, unpack
from bridge.routing.memory.engine import Engine
from tests.routing.memory.harness import SECOND, START
from tests.support.builders import program_of

ALERT = make_alert(
    time_ns=START, priority=Priority.WARNING, rule="a", source="syscall", hostname="n", tags=(), output="",
    fields={"proc.name": "sh", "user.name": "root"},
)  # fmt: skip


def engine() -> Engine:
    """Routes that remember by the same field, one of them with a severity, and one by another field."""
    program = program_of(
        'route "one" { to a throttle 1 per 1m by proc.name }\n'
        'route "two" { to b throttle 5 per 1h by proc.name }\n'
        'route "severe" { to c severity critical throttle 1 per 1m by proc.name }\n'
        'route "other" { to d throttle 1 per 1m by user.name }\n'
    )
    assert all(isinstance(route.clauses[0], Throttle) for route in program.routes)
    return Engine(program, {}, bytes(16))


def test_routes_with_the_same_key_and_severity_share_a_passage() -> None:
    one, two, severe, other = (each.passage(ALERT, ALERT, START) for each in engine().pipelines.values())
    assert one is two
    assert pack(one) is pack(two)
    assert (one.severity, severe.severity) == (Priority.WARNING, Priority.CRITICAL)
    assert one.keys == severe.keys != other.keys
    assert (one.shown, other.shown) == ("sh", "root")
    assert [unpack(pack(each)) for each in (one, severe, one)] == [one, severe, one]


def test_nothing_of_another_redaction_or_time_is_shared() -> None:
    one, two, *_ = engine().pipelines.values()
    redacted = replace(ALERT, fields={**ALERT.fields, "proc.name": "***"})
    assert one.passage(ALERT, ALERT, START).shown == "sh"
    assert two.passage(ALERT, redacted, START).shown == "***"
    assert two.passage(ALERT, redacted, START + SECOND).event_ns == START + SECOND
    same_id = replace(ALERT, priority=Priority.ERROR)
    assert one.passage(same_id, redacted, START + SECOND).severity == Priority.ERROR
