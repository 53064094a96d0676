"""The running bridge as operators see it, and the operations on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge.config.load import LoadedConfig
from bridge.journal.location import Location
from bridge.operator.inspector import Inspector
from bridge.operator.operations.reload import ReloadControls
from bridge.pipeline.controls.incidents import RunningIncidents
from bridge.pipeline.controls.silences import RunningSilences

if TYPE_CHECKING:
    from bridge.operator.api.operations import Operation
    from bridge.operator.operations.channel_test import AskBridge


@dataclass(frozen=True, slots=True)
class RunningBridge:
    """The parts of a running bridge that operators inspect and control."""

    inspector: Inspector
    silences: RunningSilences
    incidents: RunningIncidents
    reload: ReloadControls
    routes: Callable[[], Sequence[str]]
    """The names of all routes."""
    config: Callable[[], LoadedConfig]
    """The current config."""
    wake_courier: Callable[[], None]
    try_channel: Callable[[str], None]
    """Makes the courier use a channel again at once."""
    ask_bridge: AskBridge | None = None
    """Has another bridge of the fleet test a channel; None without a fleet."""


def operations_of(bridge: RunningBridge, journal: Location) -> tuple[Operation, ...]:
    """Every operation of the operator API."""
    from bridge.operator.api.backtest_operations import backtest_operations
    from bridge.operator.api.operations import all_operations
    from bridge.operator.api.search_operations import ElsewhereAlerts, search_operations
    from bridge.operator.operations.channel_test import ChannelOperations
    from bridge.operator.operations.dead_letters import DeadLetterOperations
    from bridge.operator.operations.incidents import IncidentOperations
    from bridge.operator.operations.quarantine import QuarantineOperations
    from bridge.operator.operations.reload import ReloadOperations
    from bridge.operator.operations.shadow import ShadowOperations
    from bridge.operator.operations.silences import SilenceOperations
    from bridge.operator.operations.status import read_status

    elsewhere = ElsewhereAlerts(bridge.inspector.console)
    return (
        *all_operations(
            lambda: read_status(bridge.inspector, bridge.routes(), bridge.reload),
            ChannelOperations(bridge.inspector, bridge.config, bridge.try_channel, bridge.ask_bridge),
            DeadLetterOperations(journal, bridge.wake_courier),
            QuarantineOperations(journal),
            SilenceOperations(bridge.silences),
            IncidentOperations(bridge.incidents),
            ReloadOperations(bridge.reload),
            ShadowOperations(bridge.inspector),
        ),
        *search_operations(elsewhere),
        *backtest_operations(elsewhere),
    )
