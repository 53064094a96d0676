"""docs/messages.md agrees with the code."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from bridge.alert import Priority
from bridge.channels.apprise.known_services import KNOWN_SERVICES
from bridge.channels.apprise.plugin import make_plugin
from bridge.channels.message.compose import compose
from bridge.channels.registry import problem_with
from bridge.channels.render import plain
from bridge.routing import Notification
from tests.channels.deliveries import make_delivery

PAGE = (Path(__file__).parents[2] / "docs" / "messages.md").read_text(encoding="utf-8")
URLS = {
    f"{name} {url.partition(':')[0]}": url
    for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    for name, url in yaml.safe_load(block)["channels"].items()
}


@pytest.mark.parametrize("name", URLS)
def test_every_url_on_the_page_is_valid(name: str) -> None:
    """It can be copied and filled with real secrets."""
    assert problem_with(URLS[name]) is None


def test_every_known_service_is_on_the_page() -> None:
    """With a URL that leads to it; e-mail, too."""
    shown = {type(make_plugin(url)).__name__ for url in URLS.values()}
    assert {*KNOWN_SERVICES, "NotifyEmail"} <= shown


def test_the_two_lines_on_the_page_are_what_people_receive() -> None:
    """Word for word."""
    fields = {"k8s.ns.name": "payments", "k8s.pod.name": "api-0", "user.name": "root", "proc.cmdline": "rm -rf /data"}
    made = make_delivery(output_fields=fields, hostname="node-1")
    titled = replace(made, notification=Notification("c", ("r",), Priority.CRITICAL, "rm -rf in %k8s.ns.name"))
    message = compose(titled, {"cluster": "eu-1"})
    message = replace(message, counts=replace(message.counts, suppressed=14))
    lines = f"```\n{message.subject}\n{plain.body(message).partition(chr(10))[0]}\n```"
    assert lines in PAGE
