"""What a connection and the handler of its requests expect of each other."""

from __future__ import annotations

from typing import Protocol, TypeVar

from bridge.http.request import Reply, RequestHead
from bridge.http.response import Response

_Connection_contra = TypeVar("_Connection_contra", contravariant=True)


class RequestHandler(Protocol[_Connection_contra]):
    """Handles the requests of all connections of a listener. Called in the loop's thread."""

    def on_closed(self, connection: _Connection_contra) -> None:
        """The connection has ended."""

    def is_health_check(self, head: RequestHead) -> bool:
        """Whether the request is answered even if there are too many connections."""

    def check_head(self, head: RequestHead) -> Reply | None:
        """Check a request before its body is read. A reply refuses it."""

    def reserve(self, size: int) -> bool:
        """Reserve ``size`` bytes for request bodies. Returns False if none are left. A negative size releases them."""

    def handle(self, head: RequestHead, body: bytes, response: Response) -> None:
        """Handle a complete request. The body is still encoded. It may be answered later."""

    def on_refused(self, reply: Reply) -> None:
        """The connection refused a request or a sender with this reply."""

    def on_internal_error(self, error: BaseException) -> None:
        """Handling a request raised an error: a bug in the bridge."""
