"""How every process of the bridge logs: readable on a terminal, JSON otherwise, secrets blotted out everywhere."""

from __future__ import annotations

import logging
import sys
from collections.abc import Collection
from contextlib import suppress
from typing import Any, TextIO

from bridge.common.masking import redacted

LEVELS = ("debug", "info", "warning", "error")
FORMS = ("auto", "json", "console")


def configure_logging(level: str, form: str, secrets: Collection[str], stream: TextIO | None = None) -> None:
    """Set logging up for this process. ``level`` is one of LEVELS, ``form`` of FORMS; lines go to standard error."""
    import structlog

    out = sys.stderr if stream is None else stream
    as_json = form == "json" or (form == "auto" and not out.isatty())
    renderer: Any = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=out.isatty())
    )
    hidden = frozenset(secrets)

    def blot(_logger: Any, _method: str, line: str) -> str:
        return redacted(line, hidden)

    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if as_json:
        processors.append(structlog.processors.format_exc_info)
    structlog.configure(
        processors=[*processors, renderer, blot],  # type: ignore[list-item]  # blot works on the rendered line
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=_Lossy(out)),  # type: ignore[arg-type]  # all that it uses
        cache_logger_on_first_use=False,
    )
    _quieten_libraries(hidden, out)


def _quieten_libraries(hidden: frozenset[str], out: TextIO) -> None:
    """Libraries log tokens at their lower levels, and may at the higher ones."""

    class Blot(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return redacted(super().format(record), hidden)

    handler = logging.StreamHandler(out)
    handler.setFormatter(Blot("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.ERROR, handlers=[handler], force=True)
    for name in ("apprise", "requests", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


class _Lossy:
    """A log whose disk is full or whose terminal is gone loses lines; alerts are taken in all the same."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, text: str) -> None:
        """Or not."""
        with suppress(OSError):
            self._out.write(text)

    def flush(self) -> None:
        """Or not."""
        with suppress(OSError):
            self._out.flush()
