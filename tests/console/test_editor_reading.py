"""The editor of the backtest page as screen readers and keyboards meet it, by Chromium's accessibility tree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.console.conftest import Visitor
from tests.console.test_browser import PATIENCE, browser, sign_in
from tests.support.waiting import wait_until

__all__ = ["browser"]

WRONG = 'route "new" { when k8s.pod.nam = ticks to archive }\n'
RECORD = """() => {
  window.said = [];
  const place = document.getElementById("heard");
  new MutationObserver(() => window.said.push(place.textContent)).observe(place, { childList: true });
}"""


@pytest.fixture(scope="module")
def opened(browser: Browser, visitor: Visitor) -> Iterator[Page]:
    """A browser's tab that is signed in."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        sign_in(page, visitor)
        yield page


@pytest.fixture
def page(opened: Page, visitor: Visitor) -> Page:
    """The editor with the focus in its text, whose announcements are recorded."""
    opened.goto(f"{visitor.url}/backtest")
    opened.get_by_text("no problem found").wait_for()
    opened.evaluate(RECORD)
    opened.locator("#text").focus()
    opened.keyboard.press("Control+Home")
    return opened


def node(page: Page, selector: str) -> dict[str, Any]:
    """What the accessibility tree has of an element: role, name, description and its properties."""
    session = page.context.new_cdp_session(page)
    try:
        found = session.send("Runtime.evaluate", {"expression": f"document.querySelector('{selector}')"})
        tree = session.send(
            "Accessibility.getPartialAXTree", {"objectId": found["result"]["objectId"], "fetchRelatives": False}
        )
    finally:
        session.detach()
    (entry,) = tree["nodes"][:1]
    plain = {name: entry[name]["value"] for name in ("role", "name", "description") if name in entry}
    properties = {each["name"]: each["value"] for each in entry.get("properties", [])}
    related = {
        name: [item.get("idref") for item in value["relatedNodes"]]
        for name, value in properties.items()
        if "relatedNodes" in value
    }
    return plain | {name: value.get("value") for name, value in properties.items()} | related


def said(page: Page) -> list[str]:
    found: list[str] = page.evaluate("window.said")
    return found


def test_the_text_has_a_name_a_description_and_its_state(page: Page) -> None:
    """A field of several lines, described by its keys; invalid while there is an error."""
    text = node(page, "#text")
    assert (text["role"], text["name"], text["multiline"], text["focused"]) == ("textbox", "test.route", True, True)
    description = text["description"]
    assert description.startswith("Ctrl+Space completes; up, down, Enter choose, Escape closes.")
    assert (text["autocomplete"], text["invalid"]) == ("list", "false")
    assert "hasPopup" not in text, "Orca would say it after each line"
    page.keyboard.insert_text(WRONG)
    page.locator("#text[aria-invalid=true]").wait_for()
    text = node(page, "#text")
    assert (text["invalid"], text["description"]) == ("true", description), (
        "Orca reads a description again that changes"
    )
    page.keyboard.press("Control+A")
    page.keyboard.insert_text("# nothing\n")
    page.locator("#text:not([aria-invalid])").wait_for()


def test_problems_are_said_once_politely_and_briefly(page: Page) -> None:
    """When typing stops, not at each key; F8 reads the next one, Shift+F8 the one before."""
    assert {name: node(page, "#heard")[name] for name in ("role", "live", "atomic")} == {
        "role": "status", "live": "polite", "atomic": True
    }  # fmt: skip
    page.keyboard.type(WRONG, delay=5)
    wait_until(lambda: any("1 problem" in each for each in said(page)), "the announcement")
    (sentence,) = [each for each in said(page) if "1 problem" in each]
    assert sentence == "1 problem; line 1, error: unknown field `k8s.pod.nam`; did you mean `k8s.pod.name`?"
    assert len(said(page)) <= 3
    page.keyboard.insert_text(f'route "{"x" * 900}" {{ when rule = y to nowhere }}\n')
    wait_until(lambda: "2 problems" in said(page)[-1], "the announcement of both")
    for key, line in (("F8", "line 1,"), ("F8", "line 2,"), ("F8", "line 1,"), ("Shift+F8", "line 2,")):
        page.keyboard.press(key)
        wait_until(lambda line=line: said(page)[-1].startswith(line), f"the problem of {line}")
    assert all(len(each) <= 202 for each in said(page))
    selected = page.evaluate("(t => t.value.slice(t.selectionStart, t.selectionEnd))(document.getElementById('text'))")
    assert selected == "nowhere"


def test_completions_are_a_listbox_whose_chosen_option_is_read(page: Page) -> None:
    """The focus stays in the text; the chosen option is its active descendant. Moving the cursor or Escape closes the list."""
    page.keyboard.type('route "new" { when k8s.\n')
    for key in ("ArrowUp", "End", "Control+Space"):
        page.keyboard.press(key)
    page.locator("#options [aria-selected=true]").wait_for()
    assert node(page, "#options")["role"] == "listbox"
    assert node(page, "#options")["name"] == "Completions"
    assert node(page, "#text")["activedescendant"] == ["option-0"]
    assert node(page, "#text")["controls"] == ["options"]
    wait_until(lambda: any(each.endswith(" completions") for each in said(page)), "the number of completions")
    first = node(page, "#option-0")
    assert (first["role"], first["selected"], first["name"].startswith("k8s.")) == ("option", True, True)
    for key, chosen in (("ArrowDown", 1), ("PageDown", 11), ("PageUp", 1), ("ArrowUp", 0)):
        page.keyboard.press(key)
        assert node(page, "#text")["activedescendant"] == [f"option-{chosen}"]
        assert page.evaluate("document.activeElement.id") == "text"
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    for key in ("Escape", "ArrowLeft", "Home"):
        page.keyboard.press("End")
        page.keyboard.press("Control+Space")
        page.locator("#options").wait_for()
        page.keyboard.press(key)
        page.locator("#options").wait_for(state="hidden")
        assert "activedescendant" not in node(page, "#text")
    assert page.locator("#text").input_value().startswith('route "new" { when k8s.\n')


def test_no_key_is_trapped(page: Page) -> None:
    """Tab leaves the text in both directions; Shift+Tab also while completions are shown."""
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "complete"
    page.keyboard.press("Enter")
    page.locator("#options").wait_for()
    assert page.evaluate("document.activeElement.id") == "text"
    before = page.locator("#text").input_value()
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.id") != "text"
    page.locator("#options").wait_for(state="hidden")
    assert page.locator("#text").input_value() == before


def test_the_editor_works_in_forced_colors_and_enlarged(page: Page) -> None:
    """Where the system chooses the colours, the text is not drawn twice; at 400 % nothing is cut off sideways."""
    page.emulate_media(forced_colors="active")
    assert not page.locator("#marks").is_visible()
    page.emulate_media(forced_colors="none")
    page.set_viewport_size({"width": 320, "height": 256})
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.set_viewport_size({"width": 1280, "height": 900})
