"""Commands out of recorded sessions of six shells: how many lines are exact, and that no secret appears."""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec
import pytest
from msgspec.structs import replace

from bridge.alert import Alert
from bridge.terminal.command import Command
from bridge.terminal.derived import alert_of
from bridge.terminal.rules import KINDS, Kind
from bridge.terminal.stream import CommandStream
from bridge.terminal.terminals import Terminals, commands_of
from tests.support import builders
from tests.support.terminals import RECORDINGS, Score, in_batches, recording, score, secrets

EXPECTED = {
    "bash-80": Score(85, 85, 0),
    "bash-200": Score(85, 85, 0),
    "zsh-80": Score(64, 64, 0),
    "dash-80": Score(49, 50, 0),  # the kernel discards a line that ^C ends
    "ash-80": Score(62, 64, 2),  # it paints `?` for Hangul
    "mksh-80": Score(61, 64, 3),  # it scrolls a long line sideways
}


def live(alerts: Sequence[Alert], size: int = 20) -> list[Command]:
    """The commands as the running bridge finds them: batch by batch, its clock being that of the events."""
    terminals, found = Terminals(), []
    for batch in in_batches(alerts, size):
        now_ns = max(alert.time_ns for alert in batch)
        found += terminals.take(terminals.new(batch), now_ns)
        found += terminals.tick(now_ns)
    for seconds in (3, 6, 9):
        found += terminals.tick(alerts[-1].time_ns + seconds * 1_000_000_000)
    return found


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_lines_of_a_recorded_session_are_found(name: str) -> None:
    """At least as many as when the method was worked out, and no others."""
    found = commands_of(recording(name))
    assert score(name, found) == EXPECTED[name]
    assert len({command.session for command in found}) == 1
    assert len({command.id for command in found}) == len(found)


@pytest.mark.parametrize("name", RECORDINGS)
def test_live_and_recorded_commands_are_the_same(name: str) -> None:
    """Also their ids, so that a bridge that starts again adds none twice."""
    alerts = recording(name)
    assert {each.id: each.text for each in live(alerts)} == {each.id: each.text for each in commands_of(alerts)}


@pytest.mark.parametrize("name", RECORDINGS)
def test_nothing_typed_without_an_echo_or_into_a_program_appears(name: str) -> None:
    """In no field of any command."""
    shown = "\n".join(str(alert_of(command)) for command in commands_of(recording(name)))
    assert [secret for secret in secrets(name) if secret in shown] == []


def test_programs_and_files_belong_to_the_line_that_started_them() -> None:
    """Of the recorded bash session: redirections of built-ins, pipelines, programs in the background."""
    found = {command.text: command for command in commands_of(recording("bash-80"))}
    assert found['echo "hello world" > example.txt'].wrote == ("/home/alice/example.txt",)
    assert found["ls / | head -3"].ran == ("head -3", "ls /")
    assert found["sleep 0.2 &"].ran == ("sleep 0.2",)
    assert found["rm -rf /never-run"].aborted
    assert found["bash --norc"].ran == ("bash --norc",)
    assert found["echo hello world"].ran == ()
    assert {command.confidence for command in found.values()} == {0.9}


@pytest.mark.parametrize("name", ["bash-80", "zsh-80"])
def test_alerts_that_come_out_of_order_are_sorted(name: str) -> None:
    """Shuffled within eight alerts, which is less than the window. Unsorted, no line would be exact."""
    alerts, order = recording(name), random.Random(1)
    shuffled = [each for batch in in_batches(alerts, 8) for each in order.sample(batch, len(batch))]
    assert score(name, live(shuffled, 8)) == EXPECTED[name]


def test_sessions_that_run_at_once_are_kept_apart() -> None:
    """All six recordings, at the same time on one node."""
    mixed = [
        replace(alert, fields={**alert.fields, "container.id": name})
        for name in RECORDINGS
        for alert in recording(name)
    ]
    mixed.sort(key=lambda alert: (alert.time_ns, alert.id))
    found = live(mixed, 64)
    for name in RECORDINGS:
        assert score(name, [each for each in found if each.place["container.id"] == name]) == EXPECTED[name]


@pytest.mark.parametrize(("lost", "least"), [(0.001, 0.97), (0.01, 0.75)])
def test_lost_events_cost_few_lines_and_no_other_session(lost: float, least: float) -> None:
    """Of bash, 0.1 % and 1 % of the events are lost, without a report. Ten draws."""
    alerts, exact, typed = recording("bash-80"), 0, 0
    for seed in range(10):
        draw = random.Random(seed)
        found = score("bash-80", commands_of([alert for alert in alerts if draw.random() >= lost]))
        exact, typed = exact + found.exact, typed + found.typed
    assert exact / typed >= least


def test_an_alert_that_is_received_twice_counts_once() -> None:
    """As when two clients read the same Falco."""
    alerts = recording("bash-80")
    assert score("bash-80", live([each for alert in alerts for each in (alert, alert)])) == EXPECTED["bash-80"]


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_state_survives_being_stored_at_any_moment(name: str) -> None:
    """Encoded and decoded after every batch, as when the bridge is killed and starts again."""
    alerts, terminals, found = recording(name), Terminals(), []
    for batch in in_batches(alerts, 97):
        terminals = msgspec.msgpack.decode(msgspec.msgpack.encode(terminals), type=Terminals)
        now_ns = batch[-1].time_ns
        found += [*terminals.take(terminals.new(batch), now_ns), *terminals.tick(now_ns)]
    for seconds in (3, 6, 9):
        found += terminals.tick(alerts[-1].time_ns + seconds * 1_000_000_000)
    assert score(name, found) == EXPECTED[name]


def test_every_rule_of_a_recording_is_known() -> None:
    """And every kind of material of a terminal is in one of the recordings, but what bash announces."""
    rules = {alert.rule for name in RECORDINGS for alert in recording(name)}
    assert rules <= set(KINDS)
    assert {KINDS[rule] for rule in rules} == set(Kind) - {Kind.ANNOUNCED, Kind.AUDIT, Kind.DROP}


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_file_gives_commands_in_place_of_its_material(name: str) -> None:
    """In the order in which the running bridge would have had them, with the other alerts where they were."""
    alerts, stream = recording(name), CommandStream()
    other = builders.alert()
    found = [each for alert in [*alerts[:500], other, *alerts[500:]] for each in stream.feed(alert)] + stream.end()
    assert [each for each in found if each.source != "terminal"] == [other]
    assert {each.id for each in found} - {other.id} == {command.id for command in commands_of(alerts)}
