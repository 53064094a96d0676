"""Replays: the same counts however the alerts are divided, memory in virtual time, and what cannot be judged."""

from __future__ import annotations

import gzip
from contextlib import closing
from pathlib import Path

import pytest

from bridge.alert.forms.json_text import encode_json
from bridge.journal.opening import open_for_router
from bridge.routing import Reason
from bridge.routing.router import Router
from bridge.routing.state import State
from bridge.workbench.alert_files import AlertFileError
from bridge.workbench.replay import recording
from bridge.workbench.replay.parts import Plan
from bridge.workbench.replay.recording import TimeRange, parts_of
from bridge.workbench.replay.replay import Replay, replay
from bridge.workbench.replay.tally import Tally
from tests.support.builders import alert, program_of

SECOND = 10**9
START = 1_767_614_400 * SECOND
PLAIN = """
route "shells" { when rule = shell to pager, archive }
route "all" { when k8s.ns.name = prod to archive }
route "noise" { when rule = noise drop }
otherwise { to triage }
"""


def alerts(count: int) -> list:
    """One alert a second, of three rules and two namespaces."""
    rules, namespaces = ("shell", "noise", "other"), ("prod", "dev")
    return [
        alert(START + number * SECOND, rule=rules[number % 3], fields={"k8s.ns.name": namespaces[number % 2]})
        for number in range(count)
    ]


def lines_of(folder: Path, found: list) -> str:
    path = folder / "alerts.jsonl"
    path.write_bytes(b"".join(encode_json(each) + b"\n" for each in found))
    return str(path)


def journal_of(folder: Path, text: str, found: list) -> str:
    """A journal in which these routes decided about the alerts, as the bridge stores them."""
    router, state, path = Router(program_of(text), {}), State(), folder / "journal.db"
    with closing(open_for_router(path)) as journal:
        for each in found:
            entry = router.route(state, each, each.time_ns)
            journal.alerts.append("falco", each.time_ns + 5 * SECOND, [entry])
    return str(path)


def replayed(text: str, path: str, when: TimeRange = recording.ALWAYS, *, processes: int = 1) -> Tally:
    what = Replay(Router(program_of(text), {}), {})
    return replay(what, Plan(tuple(parts_of([path], when)), when, processes))


def seen(tally: Tally) -> object:
    """Everything in a tally that can be compared."""
    over_time = {key: tally.over_time.buckets(key) for key in [*tally.sent, *((each, "") for each in tally.channels)]}
    sent = {key: (each.notifications, each.alerts, each.samples.by_time()) for key, each in tally.sent.items()}
    times = (tally.alerts, tally.undecided, tally.first_ns, tally.last_ns)
    return times, tally.decisions, tally.channels, sent, over_time


@pytest.mark.parametrize("form", ["lines", "journal"])
def test_parts_in_several_processes_give_the_same_counts(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a part ends within a line."""
    found = alerts(400)
    path = lines_of(tmp_path, found) if form == "lines" else journal_of(tmp_path, PLAIN, found)
    alone = replayed(PLAIN, path)
    monkeypatch.setattr(recording, "_PART_BYTES", 5001)
    monkeypatch.setattr(recording, "_PART_ALERTS", 37)
    assert len(parts_of([path], recording.ALWAYS)) > 10
    assert seen(replayed(PLAIN, path)) == seen(replayed(PLAIN, path, processes=2)) == seen(alone)
    assert alone.alerts == 400
    assert alone.channels == {"pager": 134, "archive": 267, "triage": 66}
    assert alone.decisions["noise", Reason.DROPPED] == 133
    assert alone.sent["archive", "shells"].notifications == 134
    assert alone.sent["archive", "all"].notifications == 200


def test_the_counts_are_those_of_the_router(tmp_path: Path) -> None:
    """Alert by alert, with the router that the bridge uses."""
    found = alerts(100)
    router, state = Router(program_of(PLAIN), {}), State()
    expected = [n.channel for each in found for n in router.step(state, each, each.time_ns).notifications]
    tally = replayed(PLAIN, lines_of(tmp_path, found))
    assert sorted(tally.channels.elements()) == sorted(expected)


def test_memory_and_its_timers_run_in_virtual_time(tmp_path: Path) -> None:
    """A throttle of 5 a minute over two minutes: 5 at once, then one summary in each window that ends."""
    text = 'route "t" { when rule exists to pager throttle 5 per 1m }\nroute "g" { when rule exists to mail group by rule }'
    tally = replayed(text, lines_of(tmp_path, alerts(120)))
    assert tally.decisions["t", Reason.THROTTLED] + tally.decisions["t", Reason.SENT] == 120
    pager = tally.sent["pager", "t"]
    assert (pager.notifications < 16, pager.alerts) == (True, 120)
    digests = tally.sent["mail", "g"]
    assert digests.alerts == 120
    assert {sample.kind for sample in digests.samples.found} == {"digest"}
    assert all(sample.headline for sample in digests.samples.found)


def test_a_span_limits_journals_and_files(tmp_path: Path) -> None:
    """From its start until just before its end; a journal's alerts count by their receipt."""
    found = alerts(60)
    when = TimeRange(START + 10 * SECOND, START + 20 * SECOND)
    lines = replayed(PLAIN, lines_of(tmp_path, found), when)
    journal = replayed(PLAIN, journal_of(tmp_path, PLAIN, found), when)
    assert (lines.alerts, lines.first_ns, lines.last_ns) == (10, START + 10 * SECOND, START + 19 * SECOND)
    assert (journal.alerts, journal.first_ns, journal.last_ns) == (10, START + 10 * SECOND, START + 19 * SECOND)


def test_conditions_on_masked_text_are_counted_as_not_judged(tmp_path: Path) -> None:
    """The journal stores masks. A route that compares the field may have decided otherwise; others are judged."""
    live = 'redact proc.cmdline matching "token=[a-z]+"\nroute "a" { when rule exists to archive }'
    candidate = program_of(
        'route "commands" { when proc.cmdline contains "token=abc" to pager }\n'
        'route "throttled" { when rule exists to mail throttle 1 per 1h by proc.cmdline }\n'
        'route "rules" { when rule = shell to pager }'
    )
    fields = {"proc.cmdline": "curl -d token=abc"}
    found = [alert(START + number, fields=fields if number < 3 else {"proc.cmdline": "ls"}) for number in range(5)]
    path = journal_of(tmp_path, live, found)
    what = Replay(Router(candidate, {}), {}, program_of(live).redactions)
    tally = replay(what, Plan(tuple(parts_of([path], recording.ALWAYS))))
    unjudged = {(each.route, each.field, each.alerts) for each in what.masks().unjudged(tally.masked)}
    assert unjudged == {("commands", "proc.cmdline", 3), ("throttled", "proc.cmdline", 3)}


def test_samples_show_redacted_text(tmp_path: Path) -> None:
    """Files contain the original text; the report does not."""
    text = 'redact proc.cmdline matching "token=[a-z]+"\nroute "a" { when proc.cmdline contains "token=abc" to pager }'
    found = [alert(START, fields={"proc.cmdline": "curl token=abc"})]
    (sample,) = replayed(text, lines_of(tmp_path, found)).sent["pager", "a"].samples.found
    assert "token" not in sample.action
    assert sample.action.startswith("curl")


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """With its name."""
    with pytest.raises(AlertFileError, match="gone"):
        parts_of([str(tmp_path / "gone")], recording.ALWAYS)


def test_compressed_files_and_terminal_material_are_read_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A compressed file has no offsets of lines, and lines of a terminal belong together."""
    monkeypatch.setattr(recording, "_PART_BYTES", 5001)
    plain = lines_of(tmp_path, alerts(100))
    assert len(parts_of([plain], recording.ALWAYS)) > 1
    compressed = tmp_path / "alerts.jsonl.gz"
    compressed.write_bytes(gzip.compress(Path(plain).read_bytes()))
    assert seen(replayed(PLAIN, str(compressed), processes=2)) == seen(replayed(PLAIN, plain))
    typed = [*alerts(100), alert(START, rule="fb: key read in a terminal")]
    (part,) = parts_of([lines_of(tmp_path, typed)], recording.ALWAYS)
    assert part.form is recording.Form.WHOLE
    (tmp_path / "empty").touch()
    assert replayed(PLAIN, str(tmp_path / "empty")).alerts == 0
