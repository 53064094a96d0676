"""What the far side really said: Apprise tells success or failure, and these sessions remember the rest.

Every plugin of Apprise calls the functions of ``requests``; in the courier they go through a session of the calling
thread, which keeps its connections, follows no redirect, and notes status, Retry-After and the first of the body.
It is also where a message gets its own form: Apprise knows where to post and how to prove who we are; what is posted
to a service that we know is ours (``bridge.channels.render``), put in place of what the plugin made of a stand-in.
"""

from __future__ import annotations

import json
import smtplib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests
from urllib3.connection import HTTPConnection

from bridge.channels.apprise.deadline import Limits, answers_within
from bridge.channels.apprise.sessions import PooledSession
from bridge.channels.transport_errors import why_silent

STAND_IN = "FalcoBridgeSaysThisItself"
"""What a plugin is given to say where we say it ourselves: a request that holds it is dressed on its way out.
Letters only: no plugin escapes them."""
_MOST_BODY = 65_536
_PIECE = 16_384

Dress = Callable[[dict[str, Any]], dict[str, Any]]
"""From the JSON that a plugin would post to the JSON that we post to the same address."""


@dataclass(slots=True)
class Response:
    """What one attempt heard."""

    status: int | None = None
    retry_after: str | None = None
    body: bytes = b""
    """The first 64 KiB."""
    error: str = ""
    """Why nothing was heard, where that is so."""
    mail: bool = False
    """Whether the status is SMTP's."""
    dress: Dress | None = None
    dressings: int = 0
    """How many requests went out dressed."""

    def answered(self, response: requests.Response) -> None:
        """Remember an answer; a later yes, to a lookup or another target, does not cover up a no."""
        status = response.status_code
        if self.status is not None and self.status >= 300 > status:
            return
        self.status, self.mail, self.body = status, False, response.content
        self.retry_after = response.headers.get("Retry-After")

    def dressed(self, data: Any) -> Any:
        """A request's body, ours in place of the plugin's."""
        if self.dress is None or not isinstance(data, str) or STAND_IN not in data:
            return data
        self.dressings += 1
        return json.dumps(self.dress(json.loads(data)), ensure_ascii=False).encode("utf-8", "replace")


class _Thread(threading.local):
    def __init__(self) -> None:
        self.heard = Response()
        self.session = _Session()


class _Session(PooledSession):
    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        heard = _thread.heard
        if heard.status == 429:  # some plugins try again at once, which is the one thing we were asked not to do
            raise requests.RequestException("asked to wait")
        kwargs |= {"allow_redirects": False, "timeout": (_limits.connect, _limits.read), "stream": True}
        try:
            response = super().send(request, **kwargs)
            _read(response)
        except requests.RequestException as error:
            heard.status, heard.error = None, why_silent(error)
            raise
        heard.answered(response)
        return response


def _read(response: requests.Response) -> None:
    """The body, in bounded size: a far side that pours holds nobody up, and one that drips is cut off below."""
    body = b""
    while len(body) < _MOST_BODY:
        piece = _piece(response)
        if not piece:
            break
        body += piece
    else:
        response.close()
    setattr(response, "_content", body[:_MOST_BODY])  # noqa: B010  # what ``content`` and ``json()`` give


def _piece(response: requests.Response) -> bytes:
    from urllib3.exceptions import HTTPError

    try:
        return bytes(response.raw.read1(_PIECE, decode_content=True))
    except HTTPError as error:
        raise requests.ConnectionError(error) from error


_limits = Limits()
_thread = _Thread()


def limits() -> Limits:
    """How long a conversation of this process may take."""
    return _limits


def listen(dress: Dress | None = None) -> Response:
    """Begin to listen in this thread; the result fills as the attempt goes on. ``dress`` rewrites what is posted."""
    _thread.heard = Response(dress=dress)
    return _thread.heard


def install(times: Limits = _limits) -> None:
    """Lead ``requests`` and ``smtplib`` of this process through the probe. For the courier only."""
    global _limits  # noqa: PLW0603  # as what it leads is the process's
    _limits = times
    HTTPConnection.response_class = answers_within(times)

    def request(method: str, url: str, **kwargs: Any) -> requests.Response:
        session = _thread.session
        session.cookies.clear()
        if "data" in kwargs:
            kwargs["data"] = _thread.heard.dressed(kwargs["data"])
        return session.request(method, url, **kwargs)

    requests.request = request  # type: ignore[assignment]
    requests.api.request = request  # type: ignore[assignment]
    for method in ("get", "post", "put", "patch", "delete", "head", "options"):
        setattr(requests, method, _verb(request, method))
    _listen_to_mail()


def _verb(request: Any, method: str) -> Any:
    def send(url: str, *args: Any, **kwargs: Any) -> requests.Response:
        if args:
            kwargs["params" if method == "get" else "data"] = args[0]
        return request(method.upper(), url, **kwargs)  # type: ignore[no-any-return]

    return send


def _listen_to_mail() -> None:
    read = smtplib.SMTP.getreply

    def getreply(self: smtplib.SMTP) -> tuple[int, bytes]:
        code, text = read(self)
        if code >= 400:
            heard = _thread.heard
            heard.status, heard.body, heard.mail = code, text[:_MOST_BODY], True
        return code, text

    smtplib.SMTP.getreply = getreply  # type: ignore[method-assign]
