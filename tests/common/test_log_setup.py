"""Logs: one format per place, and no secret in any line."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from bridge.common.log_setup import configure_logging


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root, handlers, level = logging.getLogger(), logging.getLogger().handlers[:], logging.getLogger().level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def logged(level: str, format_: str, secrets: set[str]) -> str:
    out = io.StringIO()
    configure_logging(level, format_, secrets, out)
    log = structlog.get_logger("test")
    log.debug("started", url="json://hunter2/x")
    try:
        int("hunter2 in a traceback")
    except ValueError:
        log.exception("channel failing")
    logging.getLogger("library").error("token hunter2")
    logging.getLogger("urllib3").error("token hunter2, and more")
    return out.getvalue()


@pytest.mark.parametrize("format_", ["auto", "json", "console"])
def test_secrets_are_masked_in_every_line(format_: str) -> None:
    """In values, in tracebacks, and in what libraries log."""
    text = logged("debug", format_, {"hunter2"})
    assert "hunter2" not in text
    assert text.count("***") >= 3
    assert "and more" not in text, "urllib3 is not listened to at all"


def test_away_from_a_terminal_lines_are_json() -> None:
    """``auto`` chooses by the stream; the level holds."""
    lines = logged("info", "auto", set()).splitlines()
    (first,) = [json.loads(line) for line in lines if line.startswith("{")]
    assert (first["event"], first["level"]) == ("channel failing", "error")


def test_a_stream_that_cannot_be_written_loses_lines_only() -> None:
    """A full disk must not stop the bridge."""
    tried: list[str] = []

    class Full(io.StringIO):
        def write(self, text: str) -> int:
            tried.append(text)
            raise OSError(28, "No space left on device")

    configure_logging("info", "json", set(), Full())
    structlog.get_logger("test").info("started")
    assert "started" in "".join(tried)


@pytest.mark.parametrize("format_", ["json", "console"])
def test_names_and_keys_are_not_masked(format_: str) -> None:
    """A channel `secops` may post to a path of the same name; only a value that may repeat the URL is masked."""
    out = io.StringIO()
    configure_logging("info", format_, {"secops", "channel", "failing", "warning", "reason", "source"}, out)
    structlog.get_logger("test").warning(
        "channel failing", channel="secops", channels=["secops"], source="source", reason="no hook secops",
        more={"reason": ["secops", 5]}, waiting=5,
    )  # fmt: skip
    text = out.getvalue()
    assert "no hook ***" in text
    assert text.count("secops") == 2
    assert "channel failing" in text
    if format_ == "json":
        line = json.loads(text)
        assert (line["channel"], line["channels"], line["level"]) == ("secops", ["secops"], "warning")
        assert (line["more"], line["waiting"], line["source"]) == ({"reason": ["***", 5]}, 5, "source")


@pytest.mark.parametrize("secret", ['a"b\\c-1234', "p\u00e4ssword", "line\nbreak-1"])
def test_a_secret_is_masked_before_it_is_escaped(secret: str) -> None:
    """However JSON would write it."""
    out = io.StringIO()
    configure_logging("info", "json", {secret}, out)
    structlog.get_logger("test").info("sent", reason=f"the answer was {secret}!")
    assert json.loads(out.getvalue())["reason"] == "the answer was ***!"


def test_nothing_acts_on_a_terminal() -> None:
    """Escape sequences, C1 controls and bidirectional characters in values and in tracebacks."""
    out = io.StringIO()
    configure_logging("info", "console", set(), out)
    hostile = "\x1b]0;x\x07 \x9b31m \x7f \u202e \u2066"
    try:
        int(hostile)
    except ValueError:
        structlog.get_logger("test").exception("failed", reason=hostile, more=[hostile])
    logging.getLogger("library").error(hostile)
    assert not set("\x1b\x07\x9b\x7f\u202e\u2066") & set(out.getvalue())
