"""The incidents of a fleet: any member reads them as they are stored, and asks their owners to change them."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing

from bridge.journal import JournalBusyError
from bridge.journal.partitions import Requests
from bridge.pipeline.owner.requests import Request, RequestKind, decode_answer, encode
from bridge.routing.memory.engine import IncidentRecord
from bridge.routing.router import Router
from bridge.routing.state import State

_ANSWER_SECONDS = 5.0
"""As long as the take-over of a partition may take on a busy machine."""
_POLL_SECONDS = 0.02


class FleetIncidents:
    """Callable from any thread. Methods raise JournalError."""

    def __init__(
        self, requests: Callable[[], Requests], router: Callable[[], Router], wake: Callable[[], None]
    ) -> None:
        """``requests`` opens a session; ``wake`` makes this member's owner read its requests at once."""
        self._requests = requests
        self._router = router
        self._wake = wake

    def incidents(self) -> list[IncidentRecord]:
        """As in Router."""
        with closing(self._requests()) as requests:
            return [each for _, each in self._stored(requests)]

    def acknowledge(self, target: str, actor: str, _now_ns: int) -> list[IncidentRecord]:
        """As in Router, by the owners' clock."""
        return self._change(Request(RequestKind.ACKNOWLEDGE, target, actor))

    def resolve(self, target: str, actor: str, _now_ns: int) -> list[IncidentRecord]:
        """As in Router, by the owners' clock."""
        return self._change(Request(RequestKind.RESOLVE, target, actor))

    def _stored(self, requests: Requests) -> list[tuple[int, IncidentRecord]]:
        """The incidents with their partitions, the latest match first."""
        states: dict[int, State] = {}
        for partition, row in requests.incidents():
            states.setdefault(partition, State()).load(row.clause, row.key, row.row, row.due_ns)
        router = self._router()
        found = [(partition, each) for partition, state in states.items() for each in router.incidents(state)]
        return sorted(found, key=lambda each: each[1].incident.matched_ns, reverse=True)

    def _change(self, request: Request) -> list[IncidentRecord]:
        with closing(self._requests()) as requests:
            stored = [each for each in self._stored(requests) if request.target in {each[1].id, each[1].route}]
            if not stored:
                return []
            # The latest of those with the same id: a reload that moves a key leaves what it had in its old partition.
            found = {each.id: each for _, each in reversed(stored)}
            ids = requests.ask({partition for partition, _ in stored}, encode(request))
            self._wake()
            deadline = time.monotonic() + _ANSWER_SECONDS
            answers = requests.answers(ids)
            while len(answers) < len(ids) and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
                answers = requests.answers(ids)
            requests.withdraw(ids)
        if len(answers) < len(ids):
            raise JournalBusyError(
                f"{len(ids) - len(answers)} of {len(ids)} partitions have no owner at present, so that not all "
                "incidents were changed; repeat the command"
            )
        changed = {each for answer in answers.values() for each in decode_answer(answer).incidents}
        return [each for each in found.values() if each.id in changed]
