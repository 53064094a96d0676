"""Groups of route files: names, `otherwise`, `stop` and `drop` of one group touch no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.config.load import LoadedConfig, load_config
from bridge.daemon.reload.generation import Generation, build_from
from bridge.routing import Reason, Routed
from bridge.routing.router import Router
from bridge.routing.state import State
from bridge.workbench.route_tests import RouteTestRunner
from bridge.workbench.routes import load_routes
from tests.support.builders import alert

PLATFORM = """
route "noise" { when rule = noise  drop }
route "all" { when priority >= warning  to secops }
otherwise { to triage }
"""
PAYMENTS = """
route "all" { when proc.name = bash  to pay-page  stop }
route "later" { when proc.name = bash and user.name = root  to pay-chat }
otherwise { to pay-chat }
test "a shell pages" {
  event { proc.name = bash  k8s.ns.name = payments }
  expect "all" to pay-page
  event { rule = noise  k8s.ns.name = payments }
  expect "otherwise" to pay-chat
  event { proc.name = bash  k8s.ns.name = other }
  expect nothing
}
"""
CONFIG = """
journal: j.db
sources: [{stdin: true}]
channels: {pay-page: "console://", pay-chat: "console://", secops: "console://", triage: "console://"}
routes:
  - platform/*.route
  - files: teams/payments/*.route
    where: k8s.ns.name in (payments, checkout)
    channels: [pay-*]
"""


def config(folder: Path, payments: str = PAYMENTS, platform: str = PLATFORM, text: str = CONFIG) -> LoadedConfig:
    for name, routes in (("platform", platform), ("teams/payments", payments)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "a.route").write_text(routes, encoding="utf-8")
    (folder / "c.yaml").write_text(text, encoding="utf-8")
    return load_config(folder / "c.yaml", {})


def generation(loaded: LoadedConfig, before: Generation | None = None) -> Generation:
    built = build_from(loaded, () if before is None else before.groups)
    assert built.generation is not None, built.text()
    return built.generation


def problems(loaded: LoadedConfig) -> list[str]:
    return [f"{each.code.id} {each.message}" for each in load_routes(loaded.routes, loaded.known).checked.diagnostics]


def routed(router: Router, rule: str = "x", **fields: str) -> Routed:
    made = alert(rule=rule, fields={name.replace("__", "."): value for name, value in fields.items()})
    return router.step(State(), router.complete(made), 0)


def sent(router: Router, rule: str = "x", **fields: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(each.channel, each.routes) for each in routed(router, rule, **fields).notifications]


def test_stop_drop_and_otherwise_act_within_their_group(tmp_path: Path) -> None:
    """Routes of two groups may have one name; each group's alerts are decided as if it were alone."""
    router = generation(config(tmp_path)).router
    both = sent(router, k8s__ns__name="payments", proc__name="bash", user__name="root")
    assert both == [("secops", ("all",)), ("pay-page", ("payments/all",))]
    assert sent(router, "noise", k8s__ns__name="payments") == [("pay-chat", ("payments/otherwise",))]
    assert sent(router, "noise", k8s__ns__name="other", proc__name="bash") == []
    decisions = routed(router, "noise", k8s__ns__name="checkout").decisions
    assert [(each.route, each.reason) for each in decisions] == [
        ("noise", Reason.DROPPED), ("payments/otherwise", Reason.UNMATCHED),
    ]  # fmt: skip


def test_otherwise_of_the_ungrouped_files_is_for_what_none_of_them_matched(tmp_path: Path) -> None:
    """Also if another group's route matched."""
    router = generation(
        config(tmp_path, platform='route "x" { when rule = y to secops }\notherwise { to triage }')
    ).router
    assert sent(router, k8s__ns__name="payments", proc__name="bash") == [
        ("triage", ("otherwise",)), ("pay-page", ("payments/all",)),
    ]  # fmt: skip


def test_one_channel_gets_one_message_from_all_groups(tmp_path: Path) -> None:
    """Notifications are merged over groups."""
    loaded = config(tmp_path, platform='route "all" { to pay-page }')
    router = generation(loaded).router
    assert sent(router, k8s__ns__name="payments", proc__name="bash") == [("pay-page", ("all", "payments/all"))]


def test_the_tests_of_a_group_see_its_own_notifications(tmp_path: Path) -> None:
    """With their own names of routes, independently of other groups."""
    loaded = config(tmp_path)
    found = load_routes(loaded.routes, loaded.known)
    (case,) = found.checked.tests
    assert case.name == "payments/a shell pages"
    assert not RouteTestRunner(found.router({}), {}).run(case)


@pytest.mark.parametrize(
    ("payments", "problem"),
    [
        ('route "r" { to secops }', "R203 the group `payments` may not use the channel `secops`"),
        ('route "r" { to nowhere }', "R203 unknown channel `nowhere`"),
        (
            'redact output matching "x"\nroute "r" { to pay-chat }',
            "L412 `redact` is not allowed in a group with `where`",
        ),
    ],
)
def test_a_group_cannot_go_beyond_its_limits(tmp_path: Path, payments: str, problem: str) -> None:
    """Its channels, and what others see."""
    assert problems(config(tmp_path, payments)) == [problem]


def test_a_table_of_a_group_names_only_its_channels(tmp_path: Path) -> None:
    """Also at a reload: the check is the same."""
    loaded = config(tmp_path, 'table t = "t.csv" by k8s.ns.name\nroute "r" { to t.channel else pay-chat }')
    (tmp_path / "teams" / "payments" / "t.csv").write_text("k8s.ns.name,channel\na,secops\n", encoding="utf-8")
    assert problems(loaded) == ["R203 unknown channel `secops`, which `to t.channel` names"]


def test_a_group_sees_no_alerts_beyond_its_where(tmp_path: Path) -> None:
    """Neither in the condition of a clause with memory, unless ``joins`` allows it."""
    text = 'route "r" { when proc.name = a  then proc.name = b within 5m by user.name  to pay-page }'
    joined = CONFIG + "    joins: source = k8s_audit\n"
    for written, expected in ((CONFIG, []), (joined, [("pay-page", ("payments/r",))])):
        router = generation(config(tmp_path, text, "", written)).router
        state = State()
        router.start(state, 0)
        first = alert(
            1,
            fields={"proc.name": "a", "k8s.ns.name": "payments", "user.name": "u"},
        )
        later = alert(2, fields={"proc.name": "b", "user.name": "u"}, source="k8s_audit")
        notifications = [*router.step(state, first, 1).notifications, *router.step(state, later, 2).notifications]
        assert [(each.channel, each.routes) for each in notifications] == expected


def test_an_error_in_one_group_keeps_its_old_routes_only(tmp_path: Path) -> None:
    """The others are replaced; the report says which group is not."""
    running = generation(config(tmp_path))
    changed = config(tmp_path, 'route "all" { to nowhere }', 'route "new" { to triage }')
    built = build_from(changed, running.groups)
    assert built.generation is not None
    assert built.generation.stale == ("payments",)
    assert "unknown channel `nowhere`" in built.text()
    assert sent(built.generation.router, k8s__ns__name="payments", proc__name="bash") == [
        ("triage", ("new",)), ("pay-page", ("payments/all",)),
    ]  # fmt: skip
    assert build_from(changed).generation is None
    again = generation(config(tmp_path, 'route "b" { to pay-chat }'), built.generation)
    assert again.stale == ()
    assert sent(again.router, "noise", k8s__ns__name="payments") == [("pay-chat", ("payments/b",))]


def test_old_routes_are_not_kept_without_their_channels(tmp_path: Path) -> None:
    """They could not send anything."""
    running = generation(config(tmp_path))
    text = CONFIG.replace('pay-page: "console://", ', "")
    assert build_from(config(tmp_path, text=text), running.groups).generation is None


@pytest.mark.parametrize("where", ["k8s.ns.nam = x", "proc.name ="])
def test_an_error_in_where_is_reported(tmp_path: Path, where: str) -> None:
    """With the text of the condition as the place."""
    loaded = config(tmp_path, text=CONFIG.replace("k8s.ns.name in (payments, checkout)", f"'{where}'"))
    found = load_routes(loaded.routes, loaded.known)
    assert found.checked.program is None
    assert any(each.span.path == "where of the group payments" for each in found.checked.diagnostics)


def test_names_of_groups_are_unique(tmp_path: Path) -> None:
    """They precede the names of routes."""
    loaded = config(tmp_path, text=CONFIG + "  - files: teams/payments/a.route\n    channels: pay-chat\n")
    assert [each.message for each in loaded.diagnostics] == ["two groups are named `payments`"]


def test_a_table_is_a_file_that_was_read(tmp_path: Path) -> None:
    """So it is watched and read again at a reload; an error in it keeps the routes in use."""
    text = 'table t = "t.csv" by k8s.ns.name\nroute "r" { to t.channel else triage }'
    table = tmp_path / "platform" / "t.csv"
    plain = CONFIG.partition("  - files")[0]
    loaded = config(tmp_path, platform=text, text=plain)
    table.write_text("k8s.ns.name,channel\na,secops\n", encoding="utf-8")
    running = generation(loaded)
    assert table in running.files
    assert sent(running.router, k8s__ns__name="a") == [("secops", ("r",))]
    table.write_text("k8s.ns.name,channel\na,nowhere\n", encoding="utf-8")
    built = build_from(loaded, running.groups)
    assert built.generation is None
    assert "t.csv:2:1" in built.text()
    table.write_text("k8s.ns.name,channel\na,pay-chat\n", encoding="utf-8")
    assert sent(generation(loaded).router, k8s__ns__name="a") == [("pay-chat", ("r",))]


def test_redact_of_one_group_keeps_the_routes_of_another_from_looking_back(tmp_path: Path) -> None:
    """A group with ``where`` has no `redact` of its own. Each clause is reported once."""
    loaded = config(
        tmp_path,
        'route "n" { when rule = a  new k8s.pod.name, proc.cmdline in 1d  to pay-page }\notherwise { to pay-chat }',
        'redact proc.cmdline, k8s.pod.name matching "x"\nroute "m" { when rule = a  new proc.cmdline in 1d  to secops }\notherwise { to triage }',
    )
    found = load_routes(loaded.routes, loaded.known).checked
    assert found.program is not None
    advice = [each.message for each in found.diagnostics if each.code.id == "L428"]
    assert advice == [
        '`new` in route "m" does not look back at recorded alerts: `redact` covers `proc.cmdline`',
        '`new` in route "n" does not look back at recorded alerts: `redact` covers `k8s.pod.name` and `proc.cmdline`',
    ]
