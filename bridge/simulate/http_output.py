"""Posts alerts as Falco's http_output does: one per request, in sequence, on one keep-alive connection."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import SplitResult, urlsplit

from bridge.simulate.errors import SimulationError

USER_AGENT = "falcosecurity/falco"
MAX_TIMEOUTS = 5
"""Falco's ``max_consecutive_timeouts``. It posts the same alert again only after a timeout."""
_TIMEOUT_SECONDS = 30.0


@dataclass(slots=True)
class PostCounts:
    """The results of the posts."""

    accepted: int = 0
    """Answered with a status below 400."""
    refused: int = 0
    """Answered with 4xx or 5xx. Falco does not post these again."""
    dropped: int = 0
    """Not answered: the connection failed or broke."""

    @property
    def total(self) -> int:
        """All posts."""
        return self.accepted + self.refused + self.dropped


class HttpOutput:
    """One keep-alive connection to ``url``. ``context`` has the CA and the client's certificate for https."""

    def __init__(self, url: str, content_type: str, context: ssl.SSLContext | None = None) -> None:
        """Raises SimulationError if ``url`` is not an HTTP URL."""
        parts = _split(url)
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._connection = _connection(parts, context)
        self._content_type = content_type
        self._used = False
        self.posted = PostCounts()

    def post(self, body: bytes) -> None:
        """Post one alert and wait for the answer. Never raises: an alert that Falco would lose is counted."""
        status = self._status(body)
        if status is None:
            self.posted.dropped += 1
        elif status >= 400:
            self.posted.refused += 1
        else:
            self.posted.accepted += 1

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _status(self, body: bytes) -> int | None:
        for _ in range(MAX_TIMEOUTS + 1):
            reused = self._used
            try:
                return self._exchange(body)
            except TimeoutError:
                self._forget()
            except (HTTPException, OSError):
                self._forget()
                if not reused:
                    return None
                # The server closed the keep-alive connection between two alerts: try a new one, as libcurl does.
        return None

    def _exchange(self, body: bytes) -> int:
        connection = self._connection
        connection.putrequest("POST", self._target, skip_accept_encoding=True)
        connection.putheader("User-Agent", USER_AGENT)
        connection.putheader("Accept", "*/*")
        connection.putheader("Content-Type", self._content_type)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        response.read()
        self._used = connection.sock is not None
        return response.status

    def _forget(self) -> None:
        self._connection.close()
        self._used = False


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise SimulationError(f"--http {url}: not a URL; write http://HOST:PORT/PATH or https://…")
    return parts


def _connection(parts: SplitResult, context: ssl.SSLContext | None) -> HTTPConnection:
    assert parts.hostname is not None
    if parts.scheme == "https":
        return HTTPSConnection(parts.hostname, parts.port, timeout=_TIMEOUT_SECONDS, context=context)
    return HTTPConnection(parts.hostname, parts.port, timeout=_TIMEOUT_SECONDS)
