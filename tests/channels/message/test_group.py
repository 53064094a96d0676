"""The digest of a group, as people read it: what each alert is, and what is missing."""

from __future__ import annotations

import pytest

from bridge.alert import Alert, Priority
from bridge.channels.message.alert_body import headline
from bridge.channels.message.body_template import filled
from bridge.channels.message.compose import compose
from bridge.channels.message.message import Message
from bridge.channels.render import plain
from bridge.delivery.delivery import Delivery
from bridge.routing import Notification, NotificationContext, NotificationKind
from bridge.routing.router import Router
from bridge.routing.silences import Silence, Silences
from bridge.routing.state import State, Timer
from tests.routing.memory.harness import SECOND, START, condition
from tests.support.builders import alert, program_of

WORST, LEAST = Priority.CRITICAL, Priority.NOTICE


def events(*severities: Priority) -> list[Alert]:
    """An alert a second, each of a host and a rule of its own."""
    return [
        alert(START + n * SECOND, rule=f"rule {n}", hostname=f"node-{n}", priority=severity)
        for n, severity in enumerate(severities)
    ]


def sent(clauses: str, alerts: list[Alert], silenced: str = "") -> list[Message]:
    """What a route with these clauses sends about the alerts in an hour, composed."""
    router, state = Router(program_of(f'route "r" {{ when rule exists {clauses} to chat }}'), {}), State()
    known = {each.id: each for each in alerts}
    until_ns = START + 3600 * SECOND
    silence = Silence("s1", condition(silenced), START, until_ns) if silenced else None
    silences = Silences((), {}) if silence is None else Silences((silence,), {})
    found: list[tuple[int, Notification]] = []
    for each in alerts:
        found += [(each.time_ns, new) for new in router.route(state, each, each.time_ns).routed.notifications]
    while (due_ns := state.next_due()) is not None and due_ns < until_ns:
        found += [(due_ns, new) for new in router.step(state, Timer(known), due_ns, silences).notifications]
    messages = []
    for at_ns, notification in found:
        assert notification.about is not None
        shown = () if notification.context is None else notification.context.shown_alerts
        others = tuple(known[each] for each in shown)
        messages.append(compose(Delivery(1, known[notification.about], notification, 0, at_ns, others), {}))
    return messages


@pytest.mark.parametrize(
    ("severity", "lines"),
    [("", ["[CRITICAL] rule 1", "[NOTICE] rule 0"]), ("severity error", ["[ERROR] rule 0", "[ERROR] rule 1"])],
)
def test_each_alert_of_a_digest_has_its_own_severity(severity: str, lines: list[str]) -> None:
    """That of the route if it has one."""
    (digest,) = sent(f"group by source {severity}", events(LEAST, WORST))
    assert [each.partition(" — ")[0] for each in plain.main_text(digest, 1000).splitlines()] == lines
    assert digest.subject.startswith(lines[0].partition(" ")[0])


def test_the_severity_of_a_digest_is_of_the_alerts_that_it_has() -> None:
    """The worst of them is silenced."""
    (digest,) = sent("group by source", events(LEAST, WORST, LEAST), 'rule = "rule 1"')
    assert digest.subject == "[NOTICE] 2 alerts: rule 0, rule 2"


def test_a_digest_is_sent_although_all_alerts_that_it_would_name_are_silenced() -> None:
    """No one has asked whether the others are."""
    (digest,) = sent("group by source limit 2", events(WORST, WORST, LEAST, LEAST, LEAST), "priority = Critical")
    assert digest.headline == "3 alerts since 12:00 UTC; the worst of the group are silenced"
    assert digest.summary == "syscall"
    assert plain.body(digest).splitlines()[1] == (
        "All of them, with the silenced ones: falco-bridge history --route r --since 2026-01-05T11:59:00Z --limit 0"
    )
    assert "rule 0" not in plain.body(digest)
    assert sent("group by source limit 2", events(WORST, WORST), "priority = Critical") == []
    assert sent("after 2 in 1m by source group by source limit 2", events(WORST, WORST), "rule exists") == []


def test_silent_keys_in_a_group_are_not_taken_for_their_last_alerts() -> None:
    """Neither one alone nor several."""
    clauses = "absent 5m by hostname group by source"
    (one,) = sent(clauses, events(LEAST))
    assert one.subject == "[NOTICE] Silent since 12:00 UTC, the last: rule 0"
    (several,) = sent(clauses, events(LEAST, LEAST))
    assert several.subject == "[NOTICE] 2 silent keys, the last of each: rule 0, rule 1"
    first, _ = plain.main_text(several, 1000).splitlines()
    assert first.startswith("[NOTICE] Silent since 12:00 UTC, the last: rule 0 — ")


def test_later_messages_about_a_silent_key_say_so() -> None:
    """A summary of several, an escalation, and its end."""
    summary = sent("absent 5m by hostname throttle 1 per 10m", events(LEAST, LEAST, LEAST))[-1]
    assert summary.headline == "2 more silent keys, the last: rule 2"
    escalation = sent("absent 5m by hostname to boss after 10m", events(LEAST))[-1]
    assert escalation.headline == "Not acknowledged for 10 min: Silent since 12:00 UTC, the last: rule 0"


def test_what_was_not_followed_says_so() -> None:
    """Alone, in a digest, in a summary, and when it was not acknowledged. The first step alone is nothing unusual."""
    clause = "then not rule = other within 5m by hostname"
    (one,) = sent(clause, events(LEAST))
    assert one.subject == "[NOTICE] rule 0, not followed within 5 min"
    (digest,) = sent(f"{clause} group by source", events(LEAST, LEAST))
    assert digest.headline == "2 alerts not followed within 5 min: rule 0, rule 1"
    assert "[NOTICE] rule 1, not followed within 5 min — node-1" in plain.main_text(digest, 1000).splitlines()
    summary = sent(f"{clause} throttle 1 per 10m", events(LEAST, LEAST, LEAST))[-1]
    assert summary.headline == "2 more since 12:00 UTC, the last: rule 2, not followed within 5 min"
    escalation = sent(f"{clause} to boss after 10m", events(LEAST))[-1]
    assert escalation.headline == "Not acknowledged for 10 min: rule 0, not followed within 5 min"
    titled = sent(f'{clause} title "No end of %rule"', events(LEAST))[-1]
    assert titled.headline == "No end of rule 0"


def test_programs_that_show_a_title_to_people_get_the_whole_one() -> None:
    """Alertmanager, SNS, and what a webhook posts to: the headline of the message, without the other alerts."""
    one = events(WORST)[0]
    for kind, title in (
        (NotificationKind.ABSENT, "Silent since 12:00 UTC, the last: rule 0"),
        (NotificationKind.RESOLVED, "Resolved: rule 0 (3 alerts)"),
        (NotificationKind.DIGEST, "rule 0 (3 alerts since 12:00 UTC)"),
    ):
        context = NotificationContext(kind, 3, 2, START, START, alerts=(one.id,))
        delivery = Delivery(1, one, Notification("c", ("r",), WORST, context=context), 0, START)
        assert headline(delivery, {}) == f"[CRITICAL] {title} (+2 held back)"
        assert filled("%title", [delivery], {}) == title


def test_an_escalation_says_how_many_alerts_the_incident_has() -> None:
    """It was sent about a digest."""
    escalation = sent("group by source to boss after 10m", events(LEAST, WORST, LEAST))[-1]
    assert escalation.headline == "Not acknowledged for 10 min: rule 1 (3 alerts)"


def test_a_sequence_shows_its_other_steps() -> None:
    """The first step alone is nothing unusual. Texts of the route replace headline and lines."""
    clauses = 'then rule = "rule 1" within 5m by source'
    (message,) = sent(clauses, events(LEAST, LEAST))
    assert message.subject == "[NOTICE] rule 0 and rule 1"
    assert message.text.splitlines()[-1] == "and rule 1 — node-1, 12:00:01 UTC"
    assert message.summary == "node-0"
    (own,) = sent(f'{clauses} title "%rule was followed" message "by a step"', events(LEAST, LEAST))
    assert (own.headline, own.text) == ("rule 0 was followed", "by a step")
