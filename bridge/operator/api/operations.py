"""The table of operations: method, path, request type, answer type, and the function that runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from bridge.operator.actor import Actor
from bridge.operator.model.base import NoParameters
from bridge.operator.model.channels import ChannelList, ChannelTestResult, TestChannel
from bridge.operator.model.dead_letters import (
    DeadLetterDetail,
    DeadLetterPage,
    DeadLettersChanged,
    ListDeadLetters,
    SelectDeadLetters,
    ShowDeadLetter,
)
from bridge.operator.model.incidents import ChangeIncidents, IncidentList, ListIncidents
from bridge.operator.model.quarantine import ListQuarantine, Quarantined, QuarantinePage, ShowQuarantined
from bridge.operator.model.reload import ReloadResult
from bridge.operator.model.silences import (
    AddSilence,
    ExpireSilence,
    ExpireSilences,
    ListSilences,
    PreviewSilence,
    SilenceList,
    SilencePreview,
    SilenceStatus,
    UpdateSilence,
)
from bridge.operator.model.status import ShadowDifferences, Status, WatchEvents
from bridge.operator.operations.channel_test import ChannelOperations
from bridge.operator.operations.dead_letters import DeadLetterOperations
from bridge.operator.operations.incidents import IncidentOperations
from bridge.operator.operations.quarantine import QuarantineOperations
from bridge.operator.operations.reload import ReloadOperations
from bridge.operator.operations.shadow import ShadowOperations
from bridge.operator.operations.silences import SilenceOperations

PREFIX = "/api/v1"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the API.

    Fields of ``request`` that are in the path come from there; the others come from the query of a GET, or from the
    JSON body of a POST.
    """

    method: str
    path: str
    summary: str
    request: type[msgspec.Struct]
    answer: type[msgspec.Struct]
    run: Callable[[Actor, Any], msgspec.Struct]
    """Blocks; called in a thread. Raises OperationError."""
    streams: bool = False
    """Whether the answers are sent as server-sent events, one for each call of ``run``."""
    only_reads: bool = False
    """Whether a POST changes nothing."""
    served_by: str = ""
    """The process that serves it, where that is not the bridge's own."""
    largest_body: int = 1 << 20
    """Bytes of a request's body."""
    open: Callable[[], Callable[[Actor, Any], msgspec.Struct]] | None = None
    """Gives each stream a ``run`` of its own, for a stream that continues where its last event ended."""

    @property
    def changes(self) -> bool:
        """Whether it is an act, which is recorded with its actor."""
        return self.method == "POST" and not self.only_reads

    @property
    def name(self) -> str:
        """Its ``operationId``: method and path as an identifier, ``get_dead_letters_id``."""
        return re.sub(r"\W+", "_", f"{self.method.lower()}{self.path.removeprefix(PREFIX)}").strip("_")

    @property
    def path_fields(self) -> tuple[str, ...]:
        """The parameters in the path."""
        return tuple(re.findall(r"\{(\w+)\}", self.path))

    @property
    def other_fields(self) -> tuple[str, ...]:
        """The parameters in the query or body."""
        return tuple(each for each in self.request.__struct_fields__ if each not in self.path_fields)


def described_operations() -> tuple[Operation, ...]:
    """Every operation of a running bridge, for a process that only describes and forwards them."""
    absent: Any = _Absent()
    return all_operations(absent, absent, absent, absent, absent, absent, absent, absent)


class _Absent:
    """Stands for a running bridge that is in another process."""

    def __getattr__(self, name: str) -> Callable[[Actor, Any], msgspec.Struct]:
        def run(_actor: Actor, _request: msgspec.Struct) -> msgspec.Struct:
            raise AssertionError(f"{name} is forwarded")

        return run


def all_operations(
    status: Callable[[], Status],
    channels: ChannelOperations,
    dead_letters: DeadLetterOperations,
    quarantine: QuarantineOperations,
    silences: SilenceOperations,
    incidents: IncidentOperations,
    reload: ReloadOperations,
    shadow: ShadowOperations,
) -> tuple[Operation, ...]:
    """Every operation of a running bridge."""

    def read_status(_actor: Actor, _request: NoParameters | WatchEvents) -> Status:
        return status()

    return (
        Operation("GET", f"{PREFIX}/status", "The status of the bridge.", NoParameters, Status, read_status),
        Operation(
            "GET", f"{PREFIX}/events", "Server-sent events: a `status` event at once and then at each interval.",
            WatchEvents, Status, read_status, streams=True,
        ),
        Operation("GET", f"{PREFIX}/channels", "All channels.", NoParameters, ChannelList, channels.list_all),
        Operation(
            "POST", f"{PREFIX}/channels/{{channel}}/test", "Send a test message to a channel.",
            TestChannel, ChannelTestResult, channels.test,
        ),
        *_dead_letters(dead_letters),
        Operation(
            "GET", f"{PREFIX}/quarantine", "Quarantined messages, newest first.", ListQuarantine, QuarantinePage,
            quarantine.list_page,
        ),
        Operation(
            "GET", f"{PREFIX}/quarantine/{{number}}", "One quarantined message.", ShowQuarantined, Quarantined,
            quarantine.show,
        ),
        *_silences(silences),
        *_incidents(incidents),
        Operation(
            "GET", f"{PREFIX}/shadow", "How the routes of `shadow` differ from the live ones.", NoParameters,
            ShadowDifferences, shadow.show,
        ),
        Operation(
            "POST", f"{PREFIX}/reload", "Read config, routes and secrets again.", NoParameters, ReloadResult,
            reload.reload,
        ),
    )  # fmt: skip


def _silences(silences: SilenceOperations) -> tuple[Operation, ...]:
    return (
        Operation("GET", f"{PREFIX}/silences", "All silences.", ListSilences, SilenceList, silences.list_all),
        Operation("POST", f"{PREFIX}/silences", "Add a silence.", AddSilence, SilenceStatus, silences.add),
        Operation(
            "POST", f"{PREFIX}/silences/preview", "What a silence would have held back.", PreviewSilence,
            SilencePreview, silences.preview, only_reads=True,
        ),
        Operation(
            "POST", f"{PREFIX}/silences/expire", "End silences now.", ExpireSilences, SilenceList, silences.expire_many,
        ),
        Operation(
            "POST", f"{PREFIX}/silences/{{id}}", "Change a silence.", UpdateSilence, SilenceStatus, silences.update,
        ),
        Operation(
            "POST", f"{PREFIX}/silences/{{id}}/expire", "End a silence now.", ExpireSilence, SilenceStatus,
            silences.expire,
        ),
    )  # fmt: skip


def _incidents(incidents: IncidentOperations) -> tuple[Operation, ...]:
    return (
        Operation(
            "GET", f"{PREFIX}/incidents", "Incidents, the latest match first.", ListIncidents, IncidentList,
            incidents.list_all,
        ),
        Operation(
            "POST", f"{PREFIX}/incidents/acknowledge", "Cancel the escalations of incidents.", ChangeIncidents,
            IncidentList, incidents.acknowledge,
        ),
        Operation(
            "POST", f"{PREFIX}/incidents/resolve", "End incidents.", ChangeIncidents, IncidentList, incidents.resolve,
        ),
    )  # fmt: skip


def _dead_letters(dead_letters: DeadLetterOperations) -> tuple[Operation, ...]:
    return (
        Operation(
            "GET", f"{PREFIX}/dead-letters", "Dead letters, oldest first.", ListDeadLetters, DeadLetterPage,
            dead_letters.list_page,
        ),
        Operation(
            "GET", f"{PREFIX}/dead-letters/{{id}}", "One dead letter with its attempts.", ShowDeadLetter,
            DeadLetterDetail, dead_letters.show,
        ),
        Operation(
            "POST", f"{PREFIX}/dead-letters/retry", "Send dead letters again.", SelectDeadLetters, DeadLettersChanged,
            dead_letters.retry,
        ),
        Operation(
            "POST", f"{PREFIX}/dead-letters/discard", "Discard dead letters.", SelectDeadLetters, DeadLettersChanged,
            dead_letters.discard,
        ),
    )  # fmt: skip
