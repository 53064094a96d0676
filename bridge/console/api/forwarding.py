"""Operations of the bridge's own process, which the console forwards to its admin socket."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import msgspec

from bridge.operator.actor import Actor, OperationError
from bridge.operator.api.operations import Operation
from bridge.operator.client import AdminClient, AdminError, segment

_SECONDS = 95.0
"""How long an answer may take: longer than the test of a channel."""


def forwarded(operations: Iterable[Operation], client: AdminClient) -> tuple[Operation, ...]:
    """The same operations, run by the bridge under the caller's name."""
    return tuple(replace(each, run=_forward(each, client)) for each in operations)


def _forward(operation: Operation, client: AdminClient) -> Callable[[Actor, Any], msgspec.Struct]:
    # Each event of a stream is an answer of the operation that is read once.
    path = operation.path.removesuffix("/events") + "/status" if operation.streams else operation.path

    def run(actor: Actor, request: msgspec.Struct) -> msgspec.Struct:
        target = path
        for name in operation.path_fields:
            target = target.replace(f"{{{name}}}", segment(str(getattr(request, name))))
        acting = client.acting_for(actor.name)
        try:
            if operation.method == "POST":
                body = request if operation.other_fields else None
                return acting.post(target, operation.answer, body, seconds=_SECONDS)
            return acting.get(_with_query(target, operation, request), operation.answer, seconds=_SECONDS)
        except AdminError as error:
            raise OperationError(str(error), error.status) from error

    return run


def _with_query(target: str, operation: Operation, request: msgspec.Struct) -> str:
    if operation.streams:
        return target
    given = {name: getattr(request, name) for name in operation.other_fields}
    query = urlencode({name: _text(value) for name, value in given.items() if value is not None})
    return f"{target}?{query}" if query else target


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
