"""Bearer tokens of requests on TCP listeners."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.http.guard import Guard
from bridge.http.request import RequestHead

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection


def authorizes(guard: Guard, request: HTTPConnection) -> bool:
    """Whether the request bears the guard's token. True if the guard has none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    return guard.authorizes(RequestHead("GET", "", bearer, b"identity"))
