"""Who may call the operator API. Pure but for the user database."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from bridge.common.text import one_line
from bridge.http.guard import Guard
from bridge.http.hosts import is_known_host, is_other_origin
from bridge.operator.actor import ACTOR, Actor, OperationError
from bridge.operator.serving.connection import CALLER, Caller
from bridge.operator.serving.tokens import authorizes

if TYPE_CHECKING:
    from starlette.requests import Request


_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Access:
    """The rules of one listener.

    The admin socket accepts the user that runs the bridge, and root; the kernel names them. On TCP, the token is
    required, ``Host`` must be an IP address, ``localhost`` or a listed name (against DNS rebinding), and an ``Origin``
    must be the API itself (against pages of other sites).
    """

    guard: Guard | None = None
    """The token of a TCP listener; None on the admin socket."""
    hosts: Collection[str] = ()
    """Names by which clients may reach the TCP listener."""

    def actor(self, request: Request, *, changes: bool = False) -> Actor:  # noqa: ARG002  # all may do everything
        """Who calls. Raises OperationError if this caller may not.

        On the admin socket the caller may act for somebody else, whom the header ACTOR names: the console does.
        """
        caller: Caller = getattr(request.state, CALLER)
        if self.guard is None:
            if caller.uid is None or caller.uid not in {0, os.geteuid()}:
                raise OperationError("only the user that runs the bridge, and root, may use the admin socket", 403)
            acts_for = one_line(unquote(request.headers.get(ACTOR, "")), _LONGEST_NAME)
            return Actor(acts_for) if acts_for else Actor.of_user(caller.uid)
        self._check_names(request)
        if not self.guard.token or not authorizes(self.guard, request):
            raise OperationError("send the token of `admin` in the config as Authorization: Bearer …", 401)
        return Actor(f"token from {caller.address}")

    def _check_names(self, request: Request) -> None:
        host = request.headers.get("host", "")
        if not is_known_host(host, self.hosts):
            raise OperationError(
                "the Host header names neither an address nor a host of this listener; add it to admin.hosts in the "
                "config", 403,
            )  # fmt: skip
        if is_other_origin(request.headers.get("origin"), host):
            raise OperationError("requests from pages of other origins are not accepted", 403)
