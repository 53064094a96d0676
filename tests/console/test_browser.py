"""The console in a real browser: Chromium of this machine, driven by Playwright."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from bridge.console.view import STATIC
from tests.console.conftest import Visitor
from tests.console.test_fleet import fleet_page
from tests.e2e.harness import Instance
from tests.support.waiting import wait_until

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PAGES = (
    "/",
    "/search?condition=",
    "/tail",
    "/routes",
    "/channels",
    "/silences?condition=rule+exists",
    "/backtest",
    "/sessions",
)
PATIENCE = 60_000

if CHROMIUM is None and os.environ.get("CI") != "true":
    pytest.skip("no Chromium on this machine: apt-get install chromium", allow_module_level=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A running browser."""
    assert CHROMIUM is not None, "CI has no Chromium; .ci/run installs it"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield started
        started.close()


def sign_in(page: Page, visitor: Visitor) -> None:
    """With the token, as a person does. The page Now is shown then."""
    page.goto(visitor.url)
    page.get_by_label("Token").fill(visitor.token)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Now", exact=True).wait_for()


@pytest.fixture(scope="module", params=[(1280, 900, "light"), (390, 844, "dark")], ids=["desk", "phone"])
def page(request: pytest.FixtureRequest, browser: Browser, visitor: Visitor) -> Iterator[Page]:
    """A signed-in page. At its end, nothing that it loaded was refused or from elsewhere."""
    width, height, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    context.set_default_timeout(PATIENCE)
    opened = context.new_page()
    problems: list[str] = []
    opened.on(
        "console", lambda message: problems.append(message.text) if message.type in {"error", "warning"} else None
    )
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("request", lambda sent: None if sent.url.startswith(visitor.url) else problems.append(sent.url))
    sign_in(opened, visitor)
    yield opened
    context.close()
    assert problems == []


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_accessible_and_fits(page: Page, visitor: Visitor, path: str) -> None:
    """No violation of axe's rules, and no sideways scrolling."""
    page.goto(f"{visitor.url}{path}")
    page.locator("h1").wait_for()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_the_fleet_is_accessible_and_fits(browser: Browser) -> None:
    """On a phone, with names of any length."""
    with browser.new_context(viewport={"width": 390, "height": 844}) as context:
        page = context.new_page()
        page.set_content(fleet_page(), wait_until="domcontentloaded")
        page.add_style_tag(path=STATIC / "console.css")
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_every_hostile_alert_is_inert(page: Page, visitor: Visitor) -> None:
    """The page of each is opened: nothing runs, nothing is loaded, and the page fits."""
    page.goto(f"{visitor.url}/search?{urlencode({'condition': 'rule startswith hostile'})}")
    paths = page.locator("table a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    assert len(paths) > 20
    for path in paths:
        page.goto(f"{visitor.url}{path}")
        assert page.locator("h1").count() == 1
        assert page.locator("main img, main script, main iframe").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), path


def test_the_keyboard_alone_reaches_search_and_an_alert(page: Page, visitor: Visitor) -> None:
    """`/` focuses the condition, Enter searches, Tab reaches the first result."""
    page.goto(f"{visitor.url}/search")
    zone = page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
    assert zone == page.locator("input[name=zone]").input_value()
    page.keyboard.press("/")
    page.keyboard.type("k8s.pod.name = ticks")
    page.keyboard.press("Enter")
    page.locator("table a").first.wait_for()
    for _ in range(60):
        page.keyboard.press("Tab")
        if (page.evaluate("document.activeElement.getAttribute('href')") or "").startswith("/alerts/"):
            break
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Deliveries").wait_for()
    assert "/alerts/" in page.url


def test_a_backtest_by_keyboard(page: Page, visitor: Visitor) -> None:
    """A mistake is shown where it is, its fix and a completion are applied, and the run shows what is gained and lost."""
    page.goto(f"{visitor.url}/backtest")
    page.get_by_text("no problem found").wait_for()
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "text":
            break
    page.keyboard.press("Control+Home")
    page.keyboard.type('route "new" { when k8s.pod.nam = ticks to arch }\n')
    page.locator("#marks .mark.error").first.wait_for()
    page.get_by_text("did you mean `k8s.pod.name`?").first.wait_for()
    for key in ("ArrowLeft", "ArrowLeft", "ArrowLeft", "Control+Space"):
        page.keyboard.press(key)
    page.locator("#options [aria-selected=true]").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+Space")
    page.get_by_role("option", name="archive").wait_for()
    page.keyboard.press("Enter")
    fix = page.get_by_role("button", name="Fix: did you mean `k8s.pod.name`?")
    fix.focus()
    page.keyboard.press("Enter")
    page.get_by_text("no problem found").wait_for()
    assert page.locator("#text").input_value().startswith('route "new" { when k8s.pod.name = ticks to archive }\n')
    page.get_by_label("Since").fill("2020-01-01")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="At night").wait_for()
    assert page.locator("#text").input_value().startswith('route "new" {')
    assert page.get_by_text("gained", exact=True).count() == 1
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.locator("#result a[href^='/alerts/']").click()
    page.get_by_role("heading", name="Deliveries").wait_for()


def test_a_fast_tail_stays_responsive(page: Page, visitor: Visitor, bridge: Instance) -> None:
    """At 1,000 alerts a second a click is handled soon, and the page has a bounded number of rows."""
    page.goto(f"{visitor.url}/tail?{urlencode({'condition': 'rule = flood'})}")
    page.get_by_text("a second").wait_for()
    page.evaluate(
        "document.getElementById('pause').addEventListener('click',"
        " event => { window.lag = performance.now() - event.timeStamp; })"
    )
    first = time.time_ns()
    with (bridge.folder / "alerts.jsonl").open("a", encoding="utf-8") as file:
        for second in range(3):
            started = time.monotonic()
            file.writelines(flood(first, range(second * 1000, second * 1000 + 1000)))
            file.flush()
            assert page.locator("#tail tbody tr").count() <= 200
            page.wait_for_timeout(max(0.0, 1000 * (started + 1 - time.monotonic())))
    wait_until(lambda: page.locator("#tail tbody tr").count() == 200, "a full page", seconds=120)
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Continue").wait_for()
    assert page.evaluate("window.lag") < 5000
    assert page.locator("#tail tbody tr").count() == 200
    page.goto("about:blank")


def flood(first: int, numbers: range) -> Iterator[str]:
    for number in numbers:
        at = datetime.fromtimestamp(first / 1e9 + number / 1e6, UTC).isoformat().replace("+00:00", "Z")
        fields = {"k8s.pod.name": f"pod-{first}-{number}", "proc.cmdline": "curl " + "x" * 200}
        alert = {"output": "y" * 300, "priority": "Notice", "rule": "flood", "source": "syscall", "time": at}
        yield json.dumps(alert | {"output_fields": fields}) + "\n"


def test_the_tail_shows_alerts_as_they_come(page: Page, visitor: Visitor, bridge: Instance) -> None:
    """And pauses."""
    name = f"live-{page.viewport_size['width'] if page.viewport_size else 0}"
    page.goto(f"{visitor.url}/tail?{urlencode({'condition': f'k8s.pod.name = {name}'})}")
    page.get_by_text("a second").wait_for()
    with (bridge.folder / "alerts.jsonl").open("a", encoding="utf-8") as file:
        file.write(
            '{"output": "<b>x</b>", "priority": "Notice", "rule": "tail", "source": "syscall", "time": '
            f'"2026-11-27T12:00:00.00000{len(name)}001Z", "output_fields": {{"k8s.pod.name": "{name}"}}}}\n'
        )
    row = page.locator("#tail tbody tr")
    row.wait_for()
    assert "<b>x</b>" in row.inner_text()
    page.get_by_role("button", name="Pause").click()
    assert page.get_by_role("button", name="Continue").get_attribute("aria-pressed") == "true"
    page.goto("about:blank")


def test_a_tail_that_has_ended_says_so(browser: Browser, visitor: Visitor) -> None:
    """At the end of the session the browser does not connect again."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    sign_in(page, visitor)
    page.goto(f"{visitor.url}/tail")
    page.get_by_text("a second").wait_for()
    other = context.new_page()
    other.goto(visitor.url)
    other.get_by_role("button", name="Sign out").click()
    page.get_by_text("no alerts are shown any more; load the page again").wait_for()
    context.close()
