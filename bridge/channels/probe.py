"""What the far side really said: Apprise tells success or failure, and these sessions remember the rest.

Every plugin of Apprise calls the functions of ``requests``; in the courier they go through a session of the calling
thread, which keeps its connections, follows no redirect, and notes status, Retry-After and the first of the body.
"""

from __future__ import annotations

import smtplib
import threading
from dataclasses import dataclass
from typing import Any

import requests

_MOST_BODY = 512
_CONNECT_SECONDS = 5.0
_READ_SECONDS = 15.0


@dataclass(slots=True)
class Heard:
    """What one attempt heard."""

    status: int | None = None
    retry_after: str | None = None
    body: bytes = b""
    error: str = ""
    """The class of the exception where nothing was heard."""
    mail: bool = False
    """Whether the status is SMTP's."""


class _Thread(threading.local):
    def __init__(self) -> None:
        self.heard = Heard()
        self.session = _Session()


class _Session(requests.Session):
    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        kwargs["allow_redirects"] = False
        kwargs["timeout"] = (_CONNECT_SECONDS, _READ_SECONDS)
        heard = _thread.heard
        try:
            response = super().send(request, **kwargs)
        except requests.RequestException as error:
            heard.error = type(error).__name__
            raise
        heard.status, heard.mail = response.status_code, False
        heard.retry_after = response.headers.get("Retry-After")
        heard.body = response.content[:_MOST_BODY]
        return response


_thread = _Thread()


def listen() -> Heard:
    """Begin to listen in this thread; the result fills as the attempt goes on."""
    _thread.heard = Heard()
    return _thread.heard


def install() -> None:
    """Lead ``requests`` and ``smtplib`` of this process through the probe. For the courier only."""

    def request(method: str, url: str, **kwargs: Any) -> requests.Response:
        session = _thread.session
        session.cookies.clear()
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
