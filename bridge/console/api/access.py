"""Who may call the operator API at the console: visitors of the pages, and programs with the token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.console.visitors.access import Access, RefusedError
from bridge.operator.actor import Actor, OperationError

if TYPE_CHECKING:
    from starlette.requests import Request

_FORBIDDEN, _UNAUTHORIZED = 403, 401


@dataclass(frozen=True, slots=True)
class VisitorAccess:
    """The rules of the pages, for programs."""

    access: Access

    def actor(self, request: Request, *, changes: bool) -> Actor:
        """Who calls. Raises OperationError if this caller may not."""
        try:
            self.access.check_names(request)
            visitor = self.access.visitor(request, bearer=True)
        except RefusedError as error:
            raise OperationError(str(error), _FORBIDDEN) from error
        if visitor is None:
            raise OperationError("send the token of the console as Authorization: Bearer …, or sign in", _UNAUTHORIZED)
        if changes and not visitor.may_write:
            raise OperationError("you may only read here; `write` and `editors` in the config say who acts", _FORBIDDEN)
        return Actor(f"{visitor.name} (console)")
