"""Makes this process a member of a fleet, as its config says."""

from __future__ import annotations

import os
import secrets
import socket
from functools import cache

from bridge import __version__
from bridge.config.schema.config import Config
from bridge.journal.members import COURIER, ROUTER, Member


@cache
def bridge_id() -> str:
    """Names this run of the bridge: its host, and digits that no other run has."""
    return f"{socket.gethostname().replace(' ', '-')}-{secrets.token_hex(4)}"


def router_member(config: Config) -> Member | None:
    """The router's process; None where the bridge is in no fleet."""
    if not config.roles:
        return None
    roles = (ROUTER, *(each for each in config.roles if each != COURIER))
    return _member("router", roles, config.journal.lease.seconds)


def runs_courier(config: Config) -> bool:
    """Whether this bridge delivers."""
    return not config.roles or COURIER in config.roles


def fleet_settings(config: Config) -> dict[str, object]:
    """What the courier's process needs to join the fleet; nothing where there is none."""
    if not config.roles:
        return {}
    return {"fleet": {"bridge": bridge_id(), "lease_seconds": config.journal.lease.seconds, "version": __version__}}


def _member(process: str, roles: tuple[str, ...], lease_seconds: float) -> Member:
    member_id = f"{bridge_id()}-{process}-{secrets.token_hex(2)}"
    return Member(member_id, bridge_id(), socket.gethostname(), __version__, os.getpid(), roles, lease_seconds)
