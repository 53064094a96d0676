"""The router with clauses that remember: merged notifications, incidents, silences."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from bridge.alert import Alert, Priority, make_alert
from bridge.language.program.clauses import After, Group, Pair, Throttle, Unless
from bridge.language.program.program import Escalation, Program
from bridge.routing import Notification, NotificationKind, Reason
from bridge.routing.incident_channels import IncidentChannels
from bridge.routing.router import Router
from bridge.routing.silences import NO_SILENCES, Silence, Silences
from bridge.routing.state import State, Timer
from tests.routing.memory.harness import MINUTE, SECOND, START, condition
from tests.support.builders import program_of

PLAIN = 'route "plain" { to chat severity error title "plain" }\n'
LIMITED = 'route "limited" { to chat, pager severity critical title "limited" }\n'


def shell(at: float, user: str = "root") -> Alert:
    return make_alert(
        time_ns=START + round(at * SECOND), priority=Priority.WARNING, rule="shell", source="syscall",
        hostname="node-1", tags=(), output="", fields={"user.name": user, "evt.num": str(at)},
    )  # fmt: skip


def remembering(text: str, *clauses: object, escalations: tuple[Escalation, ...] = ()) -> Program:
    """The program of the text; its route "limited" has these clauses."""
    program = program_of(text)
    return replace(
        program,
        routes=tuple(
            replace(each, clauses=clauses, escalations=escalations) if each.name == "limited" else each
            for each in program.routes
        ),
    )


def at(second: float) -> int:
    return START + round(second * SECOND)


def channels(notifications: tuple[Notification, ...]) -> list[tuple[str, tuple[str, ...], Priority]]:
    return [(each.channel, each.routes, each.severity) for each in notifications]


def test_a_channel_gets_one_notification_of_all_routes_that_let_the_alert_through() -> None:
    """The first route's text and the highest severity; a route that holds it back has no part in it."""
    router, state = Router(remembering(PLAIN + LIMITED, Throttle("t", 1, MINUTE)), {}), State()
    first = router.route(state, shell(0), at(0)).routed
    assert channels(first.notifications) == [
        ("chat", ("plain", "limited"), Priority.CRITICAL),
        ("pager", ("limited",), Priority.CRITICAL),
    ]
    assert [each.title for each in first.notifications] == ["plain", "limited"]
    second = router.route(state, shell(1), at(1)).routed
    assert channels(second.notifications) == [("chat", ("plain",), Priority.ERROR)]
    assert [(each.reason, each.channels) for each in second.decisions] == [
        (Reason.SENT, ("chat",)), (Reason.THROTTLED, ()),
    ]  # fmt: skip
    assert second.decisions[1].detail == "1 sent since 12:00, next at 12:01, 1 held back"


def test_a_batch_that_is_matched_first_is_decided_like_single_alerts() -> None:
    """Also an alert that ``match`` was not asked about."""
    program = remembering('route "plain" { when evt.num = 1 to chat }\n' + LIMITED, Throttle("t", 2, MINUTE))
    alerts = [shell(number) for number in range(4)]
    router, state = Router(program, {}), State()
    singly = [router.route(state, each, at(9)) for each in alerts]
    router, state = Router(program, {}), State()
    matched = router.match(alerts[:3], at(9))
    assert [matched[each.id] for each in alerts[:3]] == [(1,), (0, 1), (1,)]
    assert [router.route(state, each, at(9), matched=matched) for each in alerts] == singly
    assert [len(each.routed.notifications) for each in singly] == [2, 2, 0, 0]


def test_a_channel_that_knows_incidents_gets_a_notification_of_each_route() -> None:
    """One trigger an incident."""
    program = remembering(PLAIN + LIMITED, After("a", 1, MINUTE))
    router = Router(program, {}, incident_channels=IncidentChannels(frozenset({"chat"})))
    routed = router.route(State(), shell(0), at(0)).routed
    assert [(each.channel, each.routes) for each in routed.notifications] == [
        ("chat", ("plain",)), ("chat", ("limited",)), ("pager", ("limited",)),
    ]  # fmt: skip


def test_a_timer_sends_a_digest_about_earlier_alerts() -> None:
    """It names the alerts by id, and says to which incident it belongs."""
    router, state = Router(remembering(LIMITED, Group("g", ("user.name",))), {}), State()
    alerts = [shell(0), shell(1)]
    for each in alerts:
        assert router.route(state, each, each.time_ns).routed.notifications == ()
    assert state.next_due() == at(30)
    routed = router.step(state, Timer(), at(30))
    chat = routed.notifications[0]
    assert chat.about == alerts[0].id
    assert chat.context is not None
    assert (chat.context.kind, chat.context.count, chat.context.key) == (NotificationKind.DIGEST, 2, "root")
    assert chat.context.alerts == tuple(each.id for each in alerts)
    assert [each.id for each in router.incidents(state)] == [chat.context.incident]


def test_an_acknowledged_incident_does_not_escalate_and_incident_channels_are_notified_of_a_resolved_one() -> None:
    """By id or by the route's name."""
    program = remembering(LIMITED, Throttle("t", 1, MINUTE), escalations=(Escalation("boss", 5 * MINUTE),))
    router, state = (
        Router(program, {}, incident_channels=IncidentChannels(frozenset({"pager"}), frozenset({"pager"}))),
        State(),
    )
    router.route(state, shell(0), at(0))
    acknowledged, notifications = router.acknowledge(state, "limited", "alice", at(10))
    assert [each.route for each in acknowledged] == ["limited"]
    assert [
        (each.channel, each.context.kind, each.context.values["actor"]) for each in notifications if each.context
    ] == [("pager", NotificationKind.ACKNOWLEDGED, "alice")]
    assert router.acknowledge(state, "limited", "bob", at(11)) == ([], ())
    assert router.step(state, Timer(), at(600)).notifications == ()
    (record,) = router.incidents(state)
    assert (record.incident.state.value, record.incident.actor) == ("acknowledged", "alice")
    resolved, notifications = router.resolve(state, record.id, "alice", at(700))
    assert [each.id for each in resolved] == [record.id]
    assert [(each.channel, each.context.kind) for each in notifications if each.context] == [
        ("pager", NotificationKind.RESOLVED)
    ]


def test_a_channel_that_asks_for_it_is_notified_of_the_end_and_not_of_the_acknowledgement() -> None:
    """``resolved: true``; by whom, and after how long."""
    program = remembering(LIMITED, Throttle("t", 1, MINUTE))
    router, state = Router(program, {}, incident_channels=IncidentChannels(resolved=frozenset({"pager"}))), State()
    router.route(state, shell(0), at(0))
    assert router.acknowledge(state, "limited", "alice", at(10))[1] == ()
    (resolved,) = router.resolve(state, "limited", "bob", at(60))[1]
    assert resolved.context is not None
    values = resolved.context.values
    assert (resolved.channel, values["actor"], values["waited"]) == ("pager", "bob", str(60 * SECOND))


def test_a_silence_holds_back_plain_routes_otherwise_and_escalations() -> None:
    """Everything is recorded as silenced, and by which silence."""
    silence = Silence("s1", condition("user.name = root"), at(0), at(60))
    silences = Silences((silence,), {})
    router = Router(program_of(PLAIN), {})
    routed = router.route(State(), shell(1), at(1), silences).routed
    assert [(each.reason, each.detail) for each in routed.decisions] == [(Reason.SILENCED, "by silence s1")]
    assert routed.notifications == ()
    assert router.route(State(), shell(1, "bob"), at(1), silences).routed.notifications
    assert router.route(State(), shell(60), at(60), silences).routed.notifications
    otherwise = Router(program_of("otherwise { to chat }"), {})
    assert otherwise.route(State(), shell(1), at(1), silences).routed.notifications == ()


def test_a_silence_that_is_added_later_holds_back_what_is_held() -> None:
    """A digest that is due asks again, about each of its alerts."""
    program = remembering(LIMITED, Group("g", ("user.name",)))
    router, state = Router(program, {}), State()
    alerts = [shell(0), shell(1)]
    for each in alerts:
        router.route(state, each, each.time_ns)
    silences = Silences((Silence("s1", condition("rule = shell"), at(2), at(600)),), {})
    timer = Timer({each.id: each for each in alerts})
    assert router.step(state, timer, at(30), silences).notifications == ()


def test_a_silenced_escalation_is_due_when_the_incident_next_matches() -> None:
    """It is neither sent nor lost."""
    program = remembering(LIMITED, Throttle("t", 1, MINUTE), escalations=(Escalation("boss", 5 * MINUTE),))
    router, state = Router(program, {}), State()
    first, later = shell(0), shell(1000)
    router.route(state, first, at(0))
    silences = Silences((Silence("s1", condition("rule = shell"), at(2), at(600)),), {})
    assert router.step(state, Timer({first.id: first}), at(300), silences).notifications == ()
    router.route(state, later, at(1000))
    assert [each.channel for each in router.step(state, Timer(), at(1001)).notifications] == ["boss"]


def test_a_digest_leaves_out_silenced_alerts() -> None:
    """The others are sent, and counted."""
    program = remembering(LIMITED, Group("g", ()))
    router, state = Router(program, {}), State()
    alerts = [shell(0), shell(1, "bob"), shell(2, "eve")]
    for each in alerts:
        router.route(state, each, each.time_ns)
    silences = Silences((Silence("s1", condition("user.name = root"), at(3), at(600)),), {})
    chat = router.step(state, Timer({each.id: each for each in alerts}), at(30), silences).notifications[0]
    assert chat.context is not None
    assert (chat.context.count, chat.context.alerts) == (2, (alerts[1].id, alerts[2].id))


def test_an_alert_that_is_held_waits_although_it_releases_another() -> None:
    """A key holds a hundred; the reason is the same with and without silences."""
    clause = Unless("u", condition("rule = other"), MINUTE, (Pair("user.name", "user.name"),), 10 * SECOND)
    silences = Silences((Silence("s1", condition("user.name = eve"), at(0), at(600)),), {})
    for asked in (NO_SILENCES, silences):
        router, state = Router(remembering(LIMITED, clause), {}), State()
        routed = [router.route(state, shell(each / 100), at(each / 100), asked).routed for each in range(101)]
        assert {each.decisions[0].reason for each in routed} == {Reason.WAITING}
        assert [each.about is not None for each in routed[-1].notifications] == [True, True]


def test_a_row_whose_alert_cannot_be_read_does_not_stop_other_timers() -> None:
    """A newer version may have written it. Without silences as with them, its own timer reports it."""
    program = remembering(LIMITED, Throttle("t", 1, MINUTE, ("user.name",)), escalations=(Escalation("boss", MINUTE),))
    router, state = Router(program, {}), State()
    for second, user in enumerate(("root", "eve")):
        router.route(state, shell(second, user), at(second))
    table = state.table("limited\nincident")
    key, row = next(table.rows())
    table.put(key, msgspec.structs.replace(row, packed=msgspec.Raw(b"\x01")), at(60))
    silences = Silences((Silence("s1", condition("rule = other"), at(0), at(600)),), {})
    found, timers = router.due_alerts(state, at(120), 100, silences)
    assert (found, timers) == ({shell(1, "eve").id}, 4)
    routed = router.step(state, Timer({}, timers), at(120), silences)
    assert [each.route for each in routed.faults] == ["limited"]
    assert [each.channel for each in routed.notifications] == ["boss"]
