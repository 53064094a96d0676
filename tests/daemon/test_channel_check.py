"""How the URLs of channels are checked: the bridge's own in the process itself, Apprise's in another."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from bridge.config.load import LoadedConfig, load_config
from bridge.daemon.checks import channel_check
from bridge.daemon.checks.channel_check import check_channels
from bridge.operator.operations.channel_test import test_channel as send_test_message
from tests.support.limits import no_descriptors

_NATIVE = (
    "console://",
    "file://archive.jsonl",
    "webhook://127.0.0.1:9/hook?batch=array",
    "webhooks://example.org/hook",
    "loki://127.0.0.1:3100",
    "alertmanager://127.0.0.1:9093",
    "not a url",
    "webhook://host?format=odd",
)


def _loaded(folder: Path, *urls: str) -> LoadedConfig:
    channels = {f"c{at}": url for at, url in enumerate(urls)}
    config = {"sources": [{"stdin": True}], "channels": channels, "routes": ["r.route"], "journal": "j.db"}
    (folder / "r.route").touch()
    path = folder / "falco-bridge.yaml"
    path.write_text(json.dumps(config), encoding="utf-8")
    return load_config(path, {})


def _problems(folder: Path, *urls: str) -> list[str]:
    return [each.message for each in check_channels(_loaded(folder, *urls))]


def test_channels_of_the_bridge_start_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their errors are still found."""

    def refuse(*_arguments: object, **_more: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    found = _problems(tmp_path, *_NATIVE)
    assert len(found) == 2
    assert found[0].startswith("channel `c6` is not a URL")
    assert found[1].startswith("channel `c7` has")


def test_channels_of_apprise_are_checked_in_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them, and none of the bridge's own."""
    started: list[str] = []
    start = channel_check.start_python

    def count(module: str, **more: object) -> subprocess.Popen[bytes]:
        started.append(module)
        return start(module, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(channel_check, "start_python", count)
    found = _problems(tmp_path, "slack://odd", "discord://odd", "webhook://127.0.0.1:9/x", "odd://x")
    assert started == ["bridge.channels"]
    assert [text.split("`")[1] for text in found] == ["c0", "c1", "c3"]


def test_a_check_that_fails_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process ends without an answer, as where Apprise cannot be imported."""
    start = channel_check.start_python
    monkeypatch.setattr(channel_check, "start_python", lambda _module, **more: start("this.is.missing", **more))
    assert _problems(tmp_path, "slack://odd") == ["the channels could not be checked"]


def test_a_check_that_cannot_be_started_may_pass_later(tmp_path: Path) -> None:
    """The machine may have no process, memory or descriptor for it now."""
    loaded = _loaded(tmp_path, "json://example.org/x")
    with no_descriptors():
        found = check_channels(loaded)
    assert [(each.message, each.may_pass) for each in found] == [("the channels could not be checked", True)]


def test_a_test_message_says_that_its_process_cannot_be_started(tmp_path: Path) -> None:
    """It is no error of the bridge."""
    loaded = _loaded(tmp_path, "json://example.org/x")
    with no_descriptors():
        found = send_test_message(loaded, "c0")
    assert found.verdict == "retry"
    assert found.reason == "the test process could not be started (Too many open files)"
