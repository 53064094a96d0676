"""Who may see the console, and which requests of a browser are accepted.

On a unix socket the kernel names the caller. On TCP a visitor signs in and has a cookie from then on.
"""

from __future__ import annotations

import grp
import hashlib
import hmac
import os
import pwd
import secrets
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.requests import Request

from bridge.console.visitors.people import People, Person
from bridge.console.visitors.sessions import Sessions
from bridge.console.visitors.trusted_proxy import TrustedProxy
from bridge.http.hosts import is_known_host, is_other_origin
from bridge.operator.actor import Actor
from bridge.operator.serving.connection import CALLER, Caller

_COOKIE = "falco_bridge_console"
_SECURE_COOKIE = f"__Host-{_COOKIE}"
_OTHER_SITE = "requests from pages of other sites are not accepted"


class RefusedError(Exception):
    """The request is not answered. The text is a sentence for the visitor."""


@dataclass
class Access:
    """The rules of one listener."""

    token: str = field(default="", repr=False)
    """What visitors sign in with; empty where they cannot."""
    is_unix: bool = False
    hosts: Collection[str] = ()
    """Names by which browsers reach it, besides addresses and ``localhost``."""
    public_url: str = ""
    people: People = field(default_factory=People)
    sessions: Sessions = field(default_factory=Sessions)
    proxy: TrustedProxy | None = None
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def check_names(self, request: Request) -> None:
        """Refuse pages of other sites: by ``Host`` (DNS rebinding), by ``Origin``, and by what browsers add.

        Raises RefusedError.
        """
        host = request.headers.get("host", "")
        names = [each for each in (*self.hosts, urlsplit(self.public_url).hostname) if each]
        if not is_known_host(host, names):
            raise RefusedError("the Host header names neither an address nor the public URL of this console")
        origin = request.headers.get("origin")
        if is_other_origin(origin, host) and not self._is_public(origin):
            raise RefusedError(_OTHER_SITE)
        if request.method == "POST" and request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            raise RefusedError(_OTHER_SITE)

    def visitor(self, request: Request, *, bearer: bool = False) -> Visitor | None:
        """Who asks. None for somebody who has to sign in. Raises RefusedError.

        With ``bearer``, a program may send the token in place of a cookie.
        """
        person, session = self._person(request)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if bearer and person is None and scheme.lower() == "bearer" and self.has_token(token):
            person = _with_token(getattr(request.state, CALLER))
        return None if person is None else self._visitor(person, session)

    def is_signed_in(self, request: Request) -> bool:
        """Whether the visitor of an answer that takes long, such as a stream, may still see it."""
        return self._person(request)[0] is not None

    def may_connect(self, caller: Caller) -> bool:
        """Whether a connection is accepted."""
        return not self.is_unix or (caller.uid is not None and self.people.may_view(_peer(caller.uid)))

    def sign_in(self, token: str, caller: Caller) -> str | None:
        """A new session for somebody with the token; None for anybody else."""
        person = _with_token(caller)
        return self.begin(person) if self.has_token(token) and self.people.may_view(person) else None

    def begin(self, person: Person) -> str:
        """A new session. Raises RefusedError for somebody who may not see the console."""
        if not self.people.may_view(person):
            raise RefusedError(f"{person.name} may not see this console; `viewers` in the config lists who may")
        return self.sessions.begin(person)

    def has_token(self, token: str) -> bool:
        """Whether this is the token."""
        return bool(self.token) and hmac.compare_digest(token.strip().encode(), self.token.encode())

    def sign_out(self, request: Request) -> None:
        """End the session of this request."""
        self.sessions.end(request.cookies.get(self.cookie, ""))

    @property
    def cookie(self) -> str:
        """The name of the cookie. Browsers accept one with this prefix only from this very host, over TLS."""
        return _SECURE_COOKIE if self.is_secure else _COOKIE

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach the console over TLS."""
        return self.public_url.startswith("https:")

    def _is_public(self, origin: str | None) -> bool:
        """Whether an Origin is the public URL: a proxy may pass on another Host than that of the page."""
        url = urlsplit(self.public_url)
        same_scheme = bool(url.scheme) and (origin or "").startswith(f"{url.scheme}:")
        return same_scheme and not is_other_origin(origin, url.netloc)

    def _person(self, request: Request) -> tuple[Person | None, str]:
        """Who asks, and what their forms are bound to."""
        caller: Caller = getattr(request.state, CALLER)
        if self.is_unix:
            if caller.uid is None:
                raise RefusedError("the kernel does not name the caller")
            return _peer(caller.uid), f"uid {caller.uid}"
        if self.proxy is not None:
            named = self.proxy.person(caller.address, request.headers)
            if named is not None:
                return named, f"proxy {named.name}"
        session = request.cookies.get(self.cookie, "")
        return self.sessions.person(session), session

    def _visitor(self, person: Person, session: str) -> Visitor:
        if not self.people.may_view(person):
            raise RefusedError(f"{person.name} may not see this console; `viewers` in the config lists who may")
        mark = hmac.new(self._key, session.encode(), hashlib.sha256).hexdigest()
        return Visitor(person.name, mark, self.people.may_act(person))


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who may see the console."""

    name: str
    form_mark: str = field(repr=False)
    """What a form of this visitor's pages contains, and no other site knows."""
    may_write: bool = False

    def sent(self, mark: str) -> bool:
        """Whether a form came from one of this visitor's pages."""
        return hmac.compare_digest(mark.encode(), self.form_mark.encode())


def _peer(uid: int) -> Person:
    """The user at the other end of a unix socket, with the groups of the user database."""
    name, groups = Actor.of_user(uid).name, set[str]()
    with suppress(KeyError, OSError):
        entry = pwd.getpwuid(uid)
        for each in os.getgrouplist(entry.pw_name, entry.pw_gid):
            with suppress(KeyError):  # a group without a name; the user is still a member of the others
                groups.add(grp.getgrgid(each).gr_name)
    return Person(name, frozenset(groups), is_operator=uid in {0, os.geteuid()})


def _with_token(caller: Caller) -> Person:
    return Person(f"token from {caller.address}", has_token=True)
