"""Suggestions: which combinations are noisy, that every text is valid, and that the figures are those of a replay."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.alert import Alert, Priority
from bridge.alert.forms.json_text import encode_json
from bridge.language.checker.check import check, check_condition
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.source import SourceText
from bridge.matching import compile_condition
from bridge.workbench.replay import recording
from bridge.workbench.replay.parts import Plan
from bridge.workbench.replay.recording import parts_of
from bridge.workbench.replay.replay import Replay, replay
from bridge.workbench.route_sets import load_route_set
from bridge.workbench.suggest import noise as module
from bridge.workbench.suggest.noise import Combination, Noise, NoiseTally, noisiest
from bridge.workbench.suggest.options import OptionKind, condition_of, options_for
from bridge.workbench.suggest.suggest import Request, Suggestions, suggest
from tests.support.builders import alert

SECOND = 10**9
START = 1_767_614_400 * SECOND
LIVE = """
route "danger" { when proc.name = rm to pager, archive }
route "known" { when proc.name = healthz drop }
otherwise { to chat, archive }
"""


def some(count: int, rule: str, first: int = 0, priority: Priority = Priority.NOTICE, **fields: str) -> list[Alert]:
    names = {"ns": "k8s.ns.name", "pod": "k8s.pod.name", "proc": "proc.name"}
    values = {names[name]: value for name, value in fields.items()}
    return [
        alert(START + (first + number) * SECOND, rule=rule, priority=priority, fields=values) for number in range(count)
    ]


def suggested(
    folder: Path, live: str, alerts: list[Alert], most: int = 5, machines: tuple[str, ...] = ()
) -> Suggestions:
    (folder / "live.route").write_text(live, encoding="utf-8")
    lines = b"".join(encode_json(each) + b"\n" for each in sorted(alerts, key=lambda each: each.time_ns))
    (folder / "alerts.jsonl").write_bytes(lines)
    names = [str(folder / "live.route")]
    request = Request(
        load_route_set(names, None, {}),
        lambda before: load_route_set(names, None, {}, before),
        (),
        frozenset(machines),
        most,
    )
    return suggest(request, Plan(tuple(parts_of([str(folder / "alerts.jsonl")], recording.ALWAYS))))


def test_a_combination_is_narrowed_as_long_as_it_keeps_most(tmp_path: Path) -> None:
    """To namespace and process, not to one of many pods; the rest of the rule is the next one."""
    alerts = [each for pod in range(40) for each in some(1, "shell", pod, ns="dev", pod=f"p{pod}", proc="bash")]
    alerts += some(12, "shell", 100, ns="prod", pod="q", proc="bash") + some(2, "rare", 200)
    found = suggested(tmp_path, LIVE, alerts).found
    assert [each.noise.fields() for each in found] == [
        {"rule": "shell", "k8s.ns.name": "dev", "proc.name": "bash"},
        {"rule": "shell", "k8s.ns.name": "prod", "proc.name": "bash", "k8s.pod.name": "q"},
    ]
    assert [each.noise.channels for each in found] == [Counter(chat=40, archive=40), Counter(chat=12, archive=12)]


def test_no_alert_gets_or_loses_a_channel(tmp_path: Path) -> None:
    """Alerts of one rule that notify other channels are distinguished by their process, or the rule gets no suggestion."""
    mixed = some(20, "exec", ns="a", proc="cat") + some(9, "exec", 50, ns="a", proc="rm")
    found = suggested(tmp_path, LIVE, mixed).found
    assert [each.noise.combination.process for each in found] == ["cat", "rm"]
    assert [sorted(each.noise.channels) for each in found] == [["archive", "chat"], ["archive", "pager"]]
    by_user = 'route "r" { when user.name = root to pager }\notherwise { to chat }\n'
    alike = some(20, "exec", ns="a", proc="cat")
    alike += [
        alert(START + number, rule="exec", fields={"proc.name": "cat", "user.name": "root"}) for number in range(9)
    ]
    assert [each.noise.fields() for each in suggested(tmp_path, by_user, alike).found] == [
        {"rule": "exec", "k8s.ns.name": "a", "proc.name": "cat"}
    ]


def test_the_figures_are_those_of_a_replay_with_the_suggestion(tmp_path: Path) -> None:
    """The text of each option put before the routes, and replayed."""
    alerts = some(50, "shell", ns="dev", proc="bash") + some(30, "shell", 5000, ns="dev", proc="bash")
    alerts += some(10, "other", 10, proc="rm") + some(5, "shell", 70, ns="dev", proc="healthz")
    found = suggested(tmp_path, LIVE, alerts)
    (first, *_) = found.found
    assert [option.kind for option, _ in first.options] == list(OptionKind)
    path = [str(tmp_path / "alerts.jsonl")]
    live = [str(tmp_path / "live.route")]
    plan = Plan(tuple(parts_of(path, recording.ALWAYS)))
    before = replay(Replay(load_route_set(live, None, {}).router(), {}), plan).channels.total()
    for option, measured in first.options:
        if option.text:
            text = SourceText("x.route", option.text)
            routes = load_route_set(live, None, {}, text)
            assert routes.loaded.checked.diagnostics == () or "x.route" not in str(routes.loaded.checked.diagnostics)
            after = replay(Replay(routes.router(), {}), plan).channels.total()
            assert before - after == measured.held_back, option.kind
    silence = next(measured for option, measured in first.options if option.kind is OptionKind.SILENCE)
    assert (silence.about, silence.held_back) == (160, 160)


def test_channels_for_machines_receive_every_alert(tmp_path: Path) -> None:
    """They are no noise, and are not counted; a drop sends to them alone."""
    found = suggested(tmp_path, LIVE, some(50, "shell", ns="dev", proc="bash"), machines=("archive",))
    (first,) = found.found
    assert (found.tally.notifications, first.noise.channels) == (50, Counter(chat=50))
    texts = {option.kind: option.text for option, _ in first.options}
    assert 'route "quiet 1, recorded"' in texts[OptionKind.THROTTLE]
    assert "drop" not in texts[OptionKind.DROP]
    assert check([SourceText("d", texts[OptionKind.DROP])], Known(None, None)).program is not None
    assert all(measured.held_back <= 50 for _, measured in first.options)


def test_memory_of_the_routes_is_replayed_too(tmp_path: Path) -> None:
    """A route that groups already sends few: there is nothing to suggest."""
    live = 'route "g" { when rule exists to chat group by rule wait 1m every 1h }\n'
    assert suggested(tmp_path, live, some(200, "shell", ns="dev", proc="bash")).found == ()


def test_beside_routes_with_memory_the_figures_are_of_the_combination(tmp_path: Path) -> None:
    """All alerts pass both, because a route that remembers may send others instead; what is shown is about its alerts."""
    live = 'route "t" { when rule = calm to pager throttle 1 per 1m }\notherwise { to chat }\n'
    alerts = some(60, "shell", ns="dev", proc="bash") + some(30, "calm", 100, proc="ls")
    found = suggested(tmp_path, live, alerts, most=1)
    (first,) = found.found
    figures = {option.kind: (measured.about, measured.held_back) for option, measured in first.options}
    assert figures[OptionKind.DROP] == (60, 60)
    assert figures[OptionKind.THROTTLE] == (60, 58)


def test_critical_alerts_are_not_dropped() -> None:
    """A throttle, a group or a silence leaves a trace; a drop does not."""
    for priority, expected in ((Priority.CRITICAL, False), (Priority.ERROR, True)):
        noise = Noise(Combination("r"), Counter(chat=9), (), priority, in_pods=False)
        assert any(each.kind is OptionKind.DROP for each in options_for(noise, 1)) is expected


TEXTS = st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=30)


@given(st.just("") | TEXTS, TEXTS)
def test_every_value_can_be_written_and_means_itself(process: str, namespace: str) -> None:
    """Attackers choose names: quotes, control characters, any letter. What is printed is visible and of one line."""
    process, namespace = (each.encode("utf-8", "replace").decode() for each in (process, namespace))
    fields = {"rule": "r", "k8s.ns.name": namespace} | ({"proc.name": process} if process else {})
    text = condition_of(fields)
    assert text.isprintable()
    checked = check_condition(SourceText("c", text), Known(None, None))
    assert not isinstance(checked, tuple), checked
    found = alert(1, rule="r", fields={name: value for name, value in fields.items() if name != "rule"})
    assert compile_condition(checked, {})(found)


def test_combinations_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of invented names counts for the rule, and does not hide it."""
    monkeypatch.setattr(module, "MAX_COMBINATIONS", 10)
    tally = NoiseTally()
    for number in range(1000):
        cell = tally.cell(Combination("r", "ns", f"p{number}"))
        cell.channels["chat"] += 1
        cell.together.add(frozenset({"chat"}))
    assert len(tally.cells) <= 11
    (found,) = noisiest(tally, 5)
    assert (found.combination, found.notifications) == (Combination("r"), 1000)
