"""The backtest page over HTTP, and what its process answers, with real processes and a real journal."""

from __future__ import annotations

import re
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bridge.console.backtest.edit import Typed
from bridge.console.backtest.files import EditError, RouteFile, patch_of
from bridge.console.backtest.hints import Hints
from bridge.console.backtest.messages import Check, Examined, Failed, Tried, Try
from bridge.console.backtest.runs import Backtests
from bridge.console.backtest.sets import load_edited, load_on_disk
from bridge.console.backtest.starting import patch_for
from bridge.console.backtest.trial import Nights, run_trial
from bridge.journal.location import location_settings
from tests.channels.hostile import CORPUS, WORD
from tests.console.conftest import ROUTES, Visitor
from tests.console.test_pages import Elements
from tests.e2e.harness import Instance
from tests.support.waiting import wait_until

EDITED = ROUTES.replace("to    pager", "to    archive")


def form_of(visitor: Visitor, query: str = "") -> dict[str, str]:
    """The hidden fields of the page's form."""
    page = visitor.get(f"/backtest{query}").text
    form = page[page.index('id="backtest"') :]
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))


def post(visitor: Visitor, path: str, form: dict[str, str], **more: str) -> Any:
    return visitor.session.post(f"{visitor.url}{path}", form | more, timeout=60)


def run(visitor: Visitor, text: str, since: str = "2020-01-01", **more: str) -> str:
    """The page with the result of a backtest."""
    started = post(visitor, "/backtest/run", form_of(visitor), text=text, since=since, **more)
    query = started.url.split("?")[1].partition("#")[0]
    state = f"/backtest/state?{query}"
    wait_until(lambda: not visitor.get(state).json()["running"], "the backtest", seconds=120)
    return visitor.get(f"/backtest?{query}").text


def hints(visitor: Visitor, text: str, **more: object) -> dict[str, Any]:
    """As the page's script asks, with the visitor's cookie: problems, or completions at an offset."""
    sent = {"file": form_of(visitor)["file"], "text": text, "units": "utf-16"} | more
    operation = "completions" if "offset" in more else "problems"
    answer = visitor.session.post(f"{visitor.url}/api/v1/backtests/{operation}", json=sent, timeout=60)
    found: dict[str, Any] = answer.json()
    assert answer.ok == ("items" in found), answer.text
    return found


@pytest.fixture(scope="module")
def result(reader: Visitor) -> str:
    """A change of a channel, tried by a console that only shows."""
    return run(reader, EDITED, zone="Europe/Berlin")


def test_what_is_gained_and_lost_is_shown_with_links(result: str, reader: Visitor) -> None:
    """Per channel and route, with examples that lead to the alerts, and the nights."""
    rows = [re.sub("<[^>]+>", "|", row) for row in re.findall(r"<tr><th scope=\"row\">.*?</tr>", result)]
    assert any("pager" in row and f"\N{MINUS SIGN}{len(CORPUS)}" in row for row in rows), rows
    assert any("archive" in row and f"+{len(CORPUS)}" in row for row in rows), rows
    assert ">gained</strong>" in result
    assert ">lost</strong>" in result
    assert "(Europe/Berlin), in " in result
    link = re.search(r"/alerts/[0-9a-f]{32}", result)
    assert link is not None
    assert reader.get(link[0]).status_code == 200


def test_hostile_alerts_are_inert_in_the_result(result: str) -> None:
    """In examples too, all text is text."""
    assert WORD in result
    found = Elements(result)
    assert not found.names & {"img", "iframe", "object", "b"}
    assert not {name for name in found.attributes if name.startswith("on") or name == "style"}
    shown = result[result.index('id="result"') :]
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202e\u2066-\u2069]", shown)


def test_routes_with_errors_are_explained_and_the_text_stays(reader: Visitor) -> None:
    """Nothing runs; the checker's words are shown as text, and what was typed is there again."""
    text = run(reader, 'route "<b>" { when k8s.ns.nam = x to pager }\n')
    assert "did you mean `k8s.ns.name`?" in text
    assert "route &#34;&lt;b&gt;&#34;" in text
    assert "is not a time" in run(reader, ROUTES, since="whenever")
    assert "must be a time before" in run(reader, ROUTES, until="2019-01-01")


def test_problems_come_with_places_and_fixes(reader: Visitor) -> None:
    """Offsets are those of a browser: an emoji counts twice."""
    text = '# \U0001f980\nroute "x" { when k8s.ns.nam = prod to pager }\n'
    found = hints(reader, text)
    assert not found["usable"]
    problem = found["items"][0]
    units = text.encode("utf-16-le")
    assert units[2 * problem["start"] : 2 * problem["end"]].decode("utf-16-le") == "k8s.ns.nam"
    assert problem["fixes"][0]["text"] == "k8s.ns.name"
    assert hints(reader, ROUTES)["items"] == []


def test_fields_and_channels_are_completed(reader: Visitor) -> None:
    """In place of the word before the cursor."""
    text = 'route "x" { when k8s.ns.n'
    found = hints(reader, text, offset=len(text))
    assert found["start"] == len(text) - len("k8s.ns.n")
    assert found["items"][0]["text"] == "k8s.ns.name"
    text = 'route "x" { when rule exists to p'
    assert hints(reader, text, offset=len(text))["items"][0]["label"] == "pager"


def test_one_route_is_edited_alone(reader: Visitor) -> None:
    """The rest of its file stays."""
    form = form_of(reader, "?route=typed")
    page = reader.get("/backtest?route=typed").text
    assert "route &#34;typed&#34; { when source = terminal to archive }</textarea>" in page
    text = 'route "typed" { when source = terminal to pager }'
    patch = post(reader, "/backtest/patch", form, text=text).text
    assert "+" + text in patch
    assert '-route "typed"' in patch
    wrong = text.replace("source", "sorce")
    problem = next(each for each in hints(reader, wrong, route="typed")["items"] if each["start"] is not None)
    assert problem["line"] == 1
    assert wrong[problem["start"] : problem["end"]] == "sorce"


def test_the_patch_applies_to_the_loaded_file(reader: Visitor, bridge: Instance, tmp_path: Path) -> None:
    """By git; the console itself writes nothing."""
    before = (bridge.folder / "test.route").read_bytes()
    answer = post(reader, "/backtest/patch", form_of(reader), text=EDITED.replace("\n", "\r\n"))
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert (bridge.folder / "test.route").read_bytes() == before
    (tmp_path / "test.route").write_bytes(before)
    (tmp_path / "x.patch").write_bytes(answer.content)
    subprocess.run(["git", "apply", "x.patch"], cwd=tmp_path, check=True)
    assert (tmp_path / "test.route").read_text(encoding="utf-8") == EDITED
    assert "nothing is changed" in post(reader, "/backtest/patch", form_of(reader), text=ROUTES).text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("a\nb\nc", "a\nB\nc"),
        ("a\nb\n", "a\nb"),
        ("a\nb", "a\nb\n"),
        ("", "a\n"),
        ("a\n", ""),
        ("\ufeffa\r\nb\r\nc\r\n", "A\nb\nc\nd\n"),
        ("a\r\nb\r\n", "a\nb"),
        ("\n".join(map(str, range(100))), "\n".join("x" if n in {3, 50, 99} else str(n) for n in range(100))),
        ("a\u2028b\x0cc\nd\n", "a\u2028b\x0cc\ne\n"),
    ],
)
def test_patches_keep_line_ends(raw: str, text: str, tmp_path: Path) -> None:
    """Of files with and without a last line end, with CRLF, and with a byte order mark."""
    file = RouteFile("x", raw)
    path = tmp_path / "sub dir" / 'ü"x.route'
    path.parent.mkdir()
    path.write_bytes(raw.encode())
    (tmp_path / "x.patch").write_bytes(patch_of(file, text, 'sub dir/ü"x.route').encode())
    subprocess.run(["git", "apply", "--whitespace=nowarn", "x.patch"], cwd=tmp_path, check=True)
    after = path.read_bytes().decode()
    assert after.removeprefix("\ufeff").replace("\r\n", "\n") == text
    assert after.startswith("\ufeff") == raw.startswith("\ufeff")
    assert ("\r\n" in after) == ("\r\n" in raw)


def test_a_file_with_lone_carriage_returns_gives_no_patch() -> None:
    with pytest.raises(EditError, match="line ends"):
        patch_of(RouteFile("x", "a\rb\nc\n"), "a\nb\n", "x")


@pytest.mark.parametrize(
    "statement", ['import "falco-bridge.yaml"', 'import falco "/etc/passwd"', 'table x = "/etc/shadow" by rule']
)
def test_typed_text_reads_no_other_files(reader: Visitor, statement: str) -> None:
    """Only those that the loaded routes read."""
    found = hints(reader, f"{statement}\n{ROUTES}")
    assert "console reads no others" in str(found), found
    assert "root:" not in str(found)
    assert "does not name" in hints(reader, ROUTES, file="/etc/passwd")["detail"]


def test_routes_that_can_never_match_are_named(tmp_path: Path) -> None:
    """Those that an earlier route hides, and those whose condition is never true; again after a change of the file."""
    config, routes = tmp_path / "falco-bridge.yaml", tmp_path / "a.route"
    config.write_text('{"channels": {"c": "file://c.jsonl"}, "routes": ["a.route"], "journal": "j.db"}', "utf-8")
    first = 'route "first" { when rule startswith a drop }\n'
    routes.write_text(
        f'{first}route "hidden" {{ when rule = "ab" to c }}\nroute "no" {{ when rule = x and rule = y to c }}\n',
        "utf-8",
    )
    hints = Hints(str(config))
    found = {each.name: each.shadowed for each in hints.examined().routes}
    assert found["first"] == ""
    assert "never matches: an earlier route stops its alerts" in found["hidden"]
    assert "is never true" in found["no"]
    routes.write_text(f'{first}route "other" {{ when rule = "b" to c }}\n', "utf-8")
    assert [(each.name, each.shadowed) for each in hints.examined().routes] == [("first", ""), ("other", "")]


def test_a_page_does_not_wait_for_the_process_that_reads_the_routes(tmp_path: Path) -> None:
    """Which may take seconds to start. The page says so, and shows the routes once they are read."""
    config = tmp_path / "falco-bridge.yaml"
    config.write_text('{"channels": {"c": "file://c.jsonl"}, "routes": ["a.route"], "journal": "j.db"}', "utf-8")
    (tmp_path / "a.route").write_text('route "a" { to c }\n', "utf-8")
    backtests = Backtests(str(config))
    with closing(backtests.hints):
        first = backtests.examined_within(0)
        assert isinstance(first, Failed)
        assert "still being read" in first.text
        wait_until(lambda: isinstance(backtests.examined_within(0), Examined), "the routes")


def test_imported_files_are_edited_too(tmp_path: Path) -> None:
    """They are listed, checked in their place, and exported as a patch; files that are no routes are not."""
    config = tmp_path / "falco-bridge.yaml"
    config.write_text('{"channels": {"c": "file://c.jsonl"}, "routes": ["a.route"], "journal": "j.db"}', "utf-8")
    main, shared = tmp_path / "a.route", tmp_path / "lib" / "shared.route"
    shared.parent.mkdir()
    main.write_text('import "lib/shared.route"\nroute "r" { when noisy to c }\n', "utf-8")
    shared.write_text("macro noisy = rule = x\n", "utf-8")
    backtests = Backtests(str(config))
    with closing(backtests.hints):
        assert backtests.files() == [str(main), str(shared)]
        text = "macro noisy = rule = y\n"
        patch, folder, name = patch_for(backtests, Typed(str(shared), text))
    assert (folder, name) == (str(tmp_path), "shared.patch")
    assert "+++ b/lib/shared.route" in patch
    assert "+macro noisy = rule = y" in patch
    edited = load_edited(load_on_disk(str(config)), str(shared), text)
    (route,) = edited.checked.understood
    assert "rule = y" in str(edited.sources[str(shared)].text)
    assert route.name == "r"
    hints = Hints(str(config))
    assert hints.problems(Check(str(config), str(shared), text)).items == ()
    found = hints.problems(Check(str(config), str(shared), "macro noisy = rul = y\n"))
    assert [(each.path, each.code[:1]) for each in found.items if each.severity == "error"] == [(str(shared), "R")]


def test_a_backtest_can_be_cancelled(bridge: Instance) -> None:
    """Its process ends; one that is killed otherwise is reported too. Only two run at a time."""
    backtests = Backtests(str(bridge.folder / "falco-bridge.yaml"))
    typed = Typed(str(bridge.folder / "test.route"), EDITED)
    settings = location_settings(bridge.journal_path)
    asked = Try(backtests.config, typed.path, typed.text, settings, None, None)
    cancelled, killed = (backtests.start(typed, asked) for _ in range(2))
    assert backtests.start(typed, asked).result == Failed("2 backtests are running; cancel one, or wait")
    backtests.cancel(cancelled)
    assert cancelled.result == Failed("cancelled")
    assert killed.worker is not None
    killed.worker.kill()
    wait_until(lambda: killed.result is not None, "the end of the process")
    assert isinstance(killed.result, Failed)
    assert "choose a shorter span" in killed.result.text
    for each in (cancelled, killed):
        wait_until(lambda each=each: each.worker.has_ended, "the end of the process")


def test_a_backtest_stops_when_its_time_is_up(bridge: Instance) -> None:
    """Its result covers what it has routed until then."""
    config, path = (str(bridge.folder / name) for name in ("falco-bridge.yaml", "test.route"))
    asked = Try(config, path, EDITED, location_settings(bridge.journal_path), None, None, seconds=-1.0)
    found = run_trial(asked, lambda _: None)
    assert isinstance(found, Tried)
    assert found.stopped
    assert found.alerts == 0


def test_nights_are_those_of_the_zone() -> None:
    """22:00 to 7:00 by the clock on the wall; a night that the span only touches counts."""
    nights = Nights(ZoneInfo("Europe/Berlin"))
    hour = 3600 * 10**9
    noon = 1_764_241_200 * 10**9  # 2025-11-27 12:00 in Berlin
    assert nights.between(noon, noon + 5 * hour) == 0
    assert nights.between(noon, noon + 10 * hour) == 1
    assert nights.between(noon, noon + 20 * hour) == 1
    assert nights.between(noon - 6 * hour, noon + 20 * hour) == 2
    assert nights.between(noon, noon + 7 * 24 * hour) == 7


def test_a_form_of_another_site_starts_nothing(reader: Visitor) -> None:
    form = form_of(reader)
    assert post(reader, "/backtest/run", form, mark="0", text=EDITED).status_code == 403
    assert post(reader, "/backtest/patch", form, mark="0", text=EDITED).status_code == 403
    hints_of_others = {"json": {"text": ROUTES}, "headers": {"Origin": "https://evil.example"}, "timeout": 60}
    for operation in ("problems", "completions"):
        url = f"{reader.url}/api/v1/backtests/{operation}"
        assert reader.session.post(url, **hints_of_others).status_code == 403
        assert reader.session.post(url, data={"text": ROUTES}, timeout=60).status_code == 415
    assert "more than 262,144" in run(reader, "#" * 300_000)
