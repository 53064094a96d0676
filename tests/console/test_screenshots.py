"""Screenshots of the console for docs/console.md: written where FALCO_BRIDGE_SCREENSHOTS names a folder."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console.conftest import SESSION, Visitor, started
from tests.e2e.harness import Instance

ROOT = Path(__file__).parents[2]
FOLDER = os.environ.get("FALCO_BRIDGE_SCREENSHOTS")
DEVICES = {"desk": (1000, 640, "light"), "phone": (390, 760, "dark")}
PAGES = {
    "now": "/",
    "search": "/search?condition=proc.name+exists",
    "tail": "/tail",
    "routes": "/routes",
    "channels": "/channels",
    "silences": "/silences?condition=k8s.ns.name+%3D+checkout&for=2h",
    "backtest": "/backtest",
    "sessions": "/sessions",
}
ROUTES = """\
# The routes of the shop.
list prod = (payments, checkout)

route "shell in prod" {
  when      rule = "Terminal shell in container" and k8s.ns.name in (prod)
  throttle  1 per 1h by k8s.pod.name
  to        pager
  severity  critical
}

route "secrets" {
  when      rule in ("Read sensitive file untrusted", "Search Private Keys or Passwords")
  to        chat
}

route "package managers" { when rule = "Launch Package Management Process in Container" drop }

route "apt" { when rule = "Launch Package Management Process in Container" and proc.name = apt to chat }

otherwise { to archive }
"""
EDITED = ROUTES.replace('"Search Private Keys or Passwords")', '"Attach/Exec Pod")').replace("to chat }", "to chatt }")
PICTURES = ROOT / "docs" / "pictures" / "console"


def test_the_pictures_of_the_docs_are_of_pages_that_exist() -> None:
    """`make screenshots` writes them: every picture in the docs is one of these pages, and none is left over."""
    shown = re.findall(r"\(pictures/console/([^)]+)\)", (ROOT / "docs" / "console.md").read_text("utf-8"))
    assert shown
    assert sorted(shown) == sorted(each.name for each in PICTURES.iterdir())
    assert {each.rpartition("-")[0] for each in shown} <= {*PAGES, "alert", "backtest-result"}
    assert {each.rpartition("-")[2] for each in shown} <= {f"{device}.png" for device in DEVICES}
    assert all((PICTURES / each).stat().st_size < 150_000 for each in shown)


def test_there_is_a_picture_of_every_page(visitor: Visitor) -> None:
    """Of each in the console's menu."""
    menu = re.search(r'<nav aria-label="Pages">(.*?)</nav>', visitor.get("/").text, re.DOTALL)
    assert menu is not None
    assert set(re.findall(r'href="([^"]+)"', menu[1])) == {path.partition("?")[0] for path in PAGES.values()}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    """The console of a bridge that has stored the alerts of the quick start."""
    instance = Instance(tmp_path_factory.mktemp("shop"))
    lines = SESSION.with_name("alerts.jsonl").read_text("utf-8") + SESSION.read_text("utf-8")
    (instance.folder / "alerts.jsonl").write_text(lines, "utf-8")
    channels = {name: f"file://{name}.jsonl" for name in ("pager", "chat", "archive")}
    (instance.folder / "run").mkdir()
    admin = str(instance.folder / "run/a.sock")
    instance.configure(ROUTES, channels, sources=[{"file": "alerts.jsonl", "read_from": "start"}], admin=admin)
    instance.bridge()
    instance.await_kept(60, seconds=120)
    instance.await_settled(seconds=120)
    yield started(instance, "console.log", "--write")
    instance.end()


@pytest.mark.skipif(not FOLDER, reason="writes pictures; run `make screenshots`")
@pytest.mark.parametrize("device", DEVICES)
def test_every_page_is_photographed(shop: Visitor, device: str) -> None:
    """With the backtest of a change that contains a mistake, and its result."""
    from playwright.sync_api import Page, sync_playwright

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    width, height, scheme = DEVICES[device]

    def shoot(page: Page, name: str) -> None:
        page.screenshot(path=Path(FOLDER or "") / f"{name}-{device}.png", animations="disabled")

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="light" if scheme == "light" else "dark",
            timezone_id="Europe/Berlin", locale="en-GB",
        )  # fmt: skip
        page = context.new_page()
        page.goto(shop.url)
        page.get_by_label("Token").fill(shop.token)
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Now", exact=True).wait_for()
        for name, path in PAGES.items():
            page.goto(f"{shop.url}{path}")
            if name == "backtest":
                page.locator("#text").fill(EDITED)
                page.get_by_text("did you mean").first.wait_for()
                shoot(page, name)
                page.locator("#text").fill(EDITED.replace("chatt", "chat"))
                page.get_by_label("Since").fill("2020-01-01")
                page.keyboard.press("Enter")
                page.get_by_role("heading", name="At night").wait_for()
                page.locator("#result").evaluate("each => each.scrollIntoView()")
            shoot(page, "backtest-result" if name == "backtest" else name)
        page.goto(f"{shop.url}/search?condition=k8s.ns.name+%3D+checkout")
        page.locator("table a").first.click()
        page.get_by_role("heading", name="Deliveries").wait_for()
        shoot(page, "alert")
        browser.close()
