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

    class Full(io.StringIO):
        def write(self, _text: str) -> int:
            raise OSError(28, "No space left on device")

    configure_logging("info", "json", set(), Full())
    structlog.get_logger("test").info("started")
