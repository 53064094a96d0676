"""The acknowledgement page in a real browser: Chromium of this machine, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.operator.test_acknowledge import serving

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

if CHROMIUM is None and os.environ.get("CI") != "true":
    pytest.skip("no Chromium on this machine: apt-get install chromium", allow_module_level=True)


def test_the_button_acknowledges(tmp_path: Path) -> None:
    """A browser sends the form with headers of its own choice, such as Origin."""
    assert CHROMIUM is not None, "CI has no Chromium; .ci/run installs it"
    with serving(tmp_path) as page, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )  # fmt: skip
        opened = browser.new_page()
        opened.set_default_timeout(30_000)
        opened.goto(f"http://127.0.0.1:{page.port}{page.path()}")
        opened.get_by_label("Your name").fill("Alice")
        opened.get_by_role("button").click()
        opened.get_by_role("heading", name="Acknowledged", exact=True).wait_for()
        browser.close()
        assert page.state == ("acknowledged", "Alice (link via chat)")
