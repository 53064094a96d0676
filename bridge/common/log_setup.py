"""Sets up logging for every process of the bridge: text on a terminal, JSON otherwise, secrets masked."""

from __future__ import annotations

import logging
import sys
from collections.abc import Collection, Mapping, MutableMapping
from contextlib import suppress
from typing import Any, TextIO

from bridge.common.masking import redacted
from bridge.common.text import visible

_NAMES = frozenset(
    {
        "event", "level", "timestamp", "channel", "channels", "fallback", "source", "sources", "source_name", "route",
        "rule", "action", "operation",
    }
)  # fmt: skip
"""Keys whose values are texts of the bridge, or names that the config or a route gives. They are no secrets."""


def configure_logging(level: str, format_: str, secrets: Collection[str], stream: TextIO | None = None) -> None:
    """Set up logging for this process, on standard error. Can be called again when secrets change.

    ``level`` is debug, info, warning or error; ``format_`` is auto, json or console.
    """
    import structlog

    out = sys.stderr if stream is None else stream
    as_json = format_ == "json" or (format_ == "auto" and not out.isatty())
    renderer: Any = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=out.isatty())
    )
    masked = frozenset(secrets)

    def mask(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """In values only: a key or a name may be a word that is also part of a URL. Nothing acts on the terminal."""
        for key, value in event.items():
            event[key] = _shown(value, frozenset() if key in _NAMES else masked, escaped=not as_json)
        return event

    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        mask,
    ]
    structlog.configure(
        processors=[*processors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=_LossyStream(out)),  # type: ignore[arg-type]  # all that it uses
        cache_logger_on_first_use=False,
    )
    _quieten_libraries(masked, out)


def log_to_standard_error() -> None:
    """For a process that has not set up logging, such as a verb: programs read what it prints on standard output."""
    import structlog

    if not structlog.is_configured():
        stream = _LossyStream(_StandardError())
        structlog.configure(logger_factory=structlog.WriteLoggerFactory(file=stream))  # type: ignore[arg-type]


def _shown(value: Any, masked: Collection[str], *, escaped: bool) -> Any:
    """The value with the secrets in its texts masked. ``escaped`` is for a terminal, which acts on some characters."""
    if isinstance(value, Mapping):
        return {key: _shown(each, masked, escaped=escaped) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_shown(each, masked, escaped=escaped) for each in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    text = redacted(str(value), masked)
    return visible(text, keep="\n\t") if escaped else text


def _quieten_libraries(masked: frozenset[str], out: TextIO) -> None:
    """Some libraries log tokens at their lower levels, and may do so at the higher ones."""

    class MaskingFormatter(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return visible(redacted(super().format(record), masked), keep="\n\t")

    handler = logging.StreamHandler(out)
    handler.setFormatter(MaskingFormatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.ERROR, handlers=[handler], force=True)
    for name in ("apprise", "requests", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


class _StandardError:
    """Standard error at the moment of writing. A closed one drops the text."""

    def write(self, text: str) -> None:
        """Write, if it is open."""
        if sys.stderr is not None:
            sys.stderr.write(text)

    def flush(self) -> None:
        """Flush, if it is open."""
        if sys.stderr is not None:
            sys.stderr.flush()


class _LossyStream:
    """A stream that drops what cannot be written. A full disk or a closed terminal must not stop the bridge."""

    def __init__(self, out: TextIO | _StandardError) -> None:
        self._out = out

    def write(self, text: str) -> None:
        """Write, or drop the text."""
        with suppress(OSError):
            self._out.write(text)

    def flush(self) -> None:
        """Flush, or drop what is left."""
        with suppress(OSError):
            self._out.flush()
