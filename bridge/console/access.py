"""Who may see the console, and which requests of a browser are accepted.

On a unix socket the kernel names the caller. On TCP a visitor signs in with a token and has a cookie from then on.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field

from starlette.requests import Request

from bridge.http.hosts import is_known_host, is_other_origin
from bridge.operator.actor import Actor
from bridge.operator.serving.connection import CALLER, Caller

COOKIE = "falco_bridge_console"
_MOST_SESSIONS = 100


class RefusedError(Exception):
    """The request is not answered. The text is a sentence for the visitor."""


@dataclass
class Access:
    """The rules of one listener. ``token`` is empty on a unix socket."""

    token: str = field(default="", repr=False)
    hosts: Collection[str] = ()
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    _sessions: OrderedDict[str, None] = field(default_factory=OrderedDict, repr=False)
    """The visitors who have signed in, the one who signed in first comes first."""

    def check_names(self, request: Request) -> None:
        """Refuse pages of other sites: by ``Host`` (DNS rebinding), by ``Origin``, and by what browsers add.

        Raises RefusedError.
        """
        host = request.headers.get("host", "")
        if self.token and not is_known_host(host, self.hosts):
            raise RefusedError("the Host header names neither an address nor a host given by --host")
        if is_other_origin(request.headers.get("origin"), host):
            raise RefusedError("requests from pages of other sites are not accepted")
        if request.method == "POST" and request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            raise RefusedError("requests from pages of other sites are not accepted")

    def visitor(self, request: Request) -> Visitor | None:
        """Who asks. None for somebody who has to sign in. Raises RefusedError."""
        caller: Caller = getattr(request.state, CALLER)
        if not self.token:
            if caller.uid is None or caller.uid not in {0, os.geteuid()}:
                raise RefusedError("only the user that runs the console, and root, may use its socket")
            return self._visitor(Actor.of_user(caller.uid).name, f"uid {caller.uid}")
        session = request.cookies.get(COOKIE, "")
        return self._visitor(f"console at {caller.address}", session) if session in self._sessions else None

    def sign_in(self, token: str) -> str | None:
        """A new session for somebody with the token; None for anybody else."""
        if not self.token or not hmac.compare_digest(token.strip().encode(), self.token.encode()):
            return None
        session = secrets.token_urlsafe(32)
        self._sessions[session] = None
        while len(self._sessions) > _MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return session

    def sign_out(self, request: Request) -> None:
        """End the session of this request."""
        self._sessions.pop(request.cookies.get(COOKIE, ""), None)

    def _visitor(self, name: str, session: str) -> Visitor:
        mark = hmac.new(self._key, session.encode(), hashlib.sha256).hexdigest()
        return Visitor(name, mark)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who may see the console."""

    name: str
    form_mark: str = field(repr=False)
    """What a form of this visitor's pages contains, and no other site knows."""

    def sent(self, mark: str) -> bool:
        """Whether a form came from one of this visitor's pages."""
        return hmac.compare_digest(mark.encode(), self.form_mark.encode())
