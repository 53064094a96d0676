"""Intercepts what Apprise's plugins send: records the response, and replaces the request's body.

Apprise reports only success or failure. Every plugin calls the functions of ``requests``, so in the courier these
functions use a session of the calling thread, which pools connections, follows no redirects, and records status,
``Retry-After`` and the beginning of the body. ``smtplib`` is recorded too.

A plugin knows the address and the authentication of a service. For known services the message is ours
(``bridge.channels.render``): the plugin is asked to send a placeholder, and a request that contains the placeholder
gets our body instead.
"""

from __future__ import annotations

import json
import smtplib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.connection import HTTPConnection

from bridge.channels import transport_errors
from bridge.channels.apprise.sessions import PooledSession, tls_in_use
from bridge.channels.apprise.timeouts import RequestTimeouts, response_class
from bridge.channels.response import Response
from bridge.common.files.trust import authorities

PLACEHOLDER = "FalcoBridgePlaceholder"
"""The text that a plugin sends where the body is ours. Letters only, so that no plugin escapes it."""
_MAX_BODY = 65_536
_READ_SIZE = 16_384

Rewrite = Callable[[dict[str, Any]], dict[str, Any]]
"""From the JSON that a plugin would post to the JSON to post to the same address."""


@dataclass(slots=True)
class Interception:
    """What one attempt sent and received."""

    response: Response = field(default_factory=Response)
    rewrite: Rewrite | None = None
    address: str = ""
    """What is added to the URL of a request with our body."""
    rewritten_requests: int = 0

    def add(self, received: requests.Response) -> None:
        """Record a response. A 2xx to a second request does not replace an earlier failure."""
        status, response = received.status_code, self.response
        if response.status is not None and response.status >= 300 > status:
            return
        response.status, response.is_smtp, response.body = status, False, received.content
        response.retry_after = received.headers.get("Retry-After")

    def rewritten(self, data: Any) -> Any:
        """The body to send: ours if the plugin's contains the placeholder."""
        if self.rewrite is None or not isinstance(data, str) or PLACEHOLDER not in data:
            return data
        self.rewritten_requests += 1
        return json.dumps(self.rewrite(json.loads(data)), ensure_ascii=False).encode("utf-8", "replace")


class _ThreadState(threading.local):
    def __init__(self) -> None:
        self.interception = Interception()
        self.session = _InterceptedSession()


class _InterceptedSession(PooledSession):
    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        interception = _thread.interception
        if interception.response.status == 429:  # Some plugins retry immediately, although asked to wait.
            raise requests.RequestException("asked to wait")
        kwargs |= {"allow_redirects": False, "timeout": (_timeouts.connect, _timeouts.read), "stream": True}
        try:
            received = super().send(request, **kwargs)
            _read(received)
        except requests.RequestException as error:
            host = urlsplit(request.url or "").hostname or ""
            interception.response.status = None
            tls = tls_in_use()
            trusts, certificate = (authorities(), "") if tls is None else (tls.authorities, tls.certificate)
            interception.response.error = transport_errors.describe(error, host, trusts, certificate)
            raise
        interception.add(received)
        return received


def _read(received: requests.Response) -> None:
    """Read the body up to its bound; close the connection if it is longer. The deadline is in ``timeouts.py``."""
    body = b""
    while len(body) < _MAX_BODY:
        chunk = _read_chunk(received)
        if not chunk:
            break
        body += chunk
    else:
        received.close()
    setattr(received, "_content", body[:_MAX_BODY])  # noqa: B010  # the source of ``content`` and ``json()``


def _read_chunk(received: requests.Response) -> bytes:
    from urllib3.exceptions import HTTPError

    try:
        return bytes(received.raw.read1(_READ_SIZE, decode_content=True))
    except HTTPError as error:
        raise requests.ConnectionError(error) from error


_timeouts = RequestTimeouts()
_thread = _ThreadState()


def timeouts() -> RequestTimeouts:
    """The timeouts of this process."""
    return _timeouts


def start_interception(rewrite: Rewrite | None = None, address: str = "") -> Interception:
    """Start an interception for the current thread, replacing the previous one. It is filled while a plugin sends."""
    _thread.interception = Interception(rewrite=rewrite, address=address)
    return _thread.interception


def install(times: RequestTimeouts = _timeouts) -> None:
    """Replace the functions of ``requests`` and ``smtplib`` in this process. For the courier only."""
    global _timeouts  # noqa: PLW0603  # the replaced functions are global, too
    _timeouts = times
    HTTPConnection.response_class = response_class(times)

    def request(method: str, url: str, **kwargs: Any) -> requests.Response:
        session = _thread.session
        session.cookies.clear()
        if "data" in kwargs:
            data = _thread.interception.rewritten(kwargs["data"])
            if data is not kwargs["data"]:
                url += _thread.interception.address
            kwargs["data"] = data
        return session.request(method, url, **kwargs)

    requests.request = request  # type: ignore[assignment]
    requests.api.request = request  # type: ignore[assignment]
    for method in ("get", "post", "put", "patch", "delete", "head", "options"):
        setattr(requests, method, _method(request, method))
    _record_smtp()


def _method(request: Any, method: str) -> Any:
    def send(url: str, *args: Any, **kwargs: Any) -> requests.Response:
        if args:
            kwargs["params" if method == "get" else "data"] = args[0]
        return request(method.upper(), url, **kwargs)  # type: ignore[no-any-return]

    return send


def _record_smtp() -> None:
    read_reply = smtplib.SMTP.getreply

    def getreply(self: smtplib.SMTP) -> tuple[int, bytes]:
        code, text = read_reply(self)
        if code >= 400:
            response = _thread.interception.response
            response.status, response.body, response.is_smtp = code, text[:_MAX_BODY], True
        return code, text

    smtplib.SMTP.getreply = getreply  # type: ignore[method-assign]
