"""Fills in the defaults that depend on other keys of the config."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace as changed

from bridge.config.schema.channels import ChannelSettings
from bridge.config.schema.config import AllowSettings, Config
from bridge.config.schema.keys import keys_of
from bridge.config.schema.listeners import AdminSettings
from bridge.config.schema.routes import RouteGroupSettings
from bridge.config.schema.sources import (
    DiscoverSettings,
    FileSettings,
    GrpcSettings,
    HttpSettings,
    SocketSettings,
    SourceSettings,
)
from bridge.config.schema.values import AbsolutePath, SocketPath
from bridge.delivery.service_limits import default_concurrency, default_options

HEARTBEAT_CHANNEL = "heartbeat"
"""The name of the channel that ``heartbeat`` declares by its URL."""


def with_defaults(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The root's values with every default; ``folder`` is that of the config."""
    filled = {key.name: key.default for key in keys_of(Config) if not key.required} | values
    if "sources" in values:
        filled["sources"] = tuple(_source(each) for each in values["sources"])
    if "routes" in values:
        filled["routes"] = tuple(_group(each) for each in values["routes"])
    if "channels" in values:
        filled["channels"] = {name: _channel(each) for name, each in values["channels"].items()}
    if "channels" in values and (heartbeat := values.get("heartbeat")) is not None and heartbeat.url is not None:
        filled["channels"].setdefault(HEARTBEAT_CHANNEL, _channel(ChannelSettings(url=heartbeat.url)))
        filled["heartbeat"] = changed(heartbeat, channel=HEARTBEAT_CHANNEL, url=None)
    if "journal" in values:
        journal: Path = values["journal"].path
        filled["admin"] = _admin(filled["admin"], journal)
        filled["allow"] = _allow(filled["allow"], folder, journal)
    return filled


def _group(group: RouteGroupSettings) -> RouteGroupSettings:
    """A group is named by the folder of its files."""
    return group if group.is_plain or group.name else changed(group, name=group.files[0].parent.name)


def _source(source: SourceSettings) -> SourceSettings:
    name = source.name or _name(source)
    if isinstance(source, DiscoverSettings):
        # The certificate of a pod names the service, not the pod's address.
        tls = changed(source.tls, server_name=source.tls.server_name or source.discover.host)
        return changed(source, name=name, tls=tls)
    if isinstance(source, SocketSettings):
        return changed(source, name=name, spool=source.spool or source.socket.with_suffix(".spool"))
    return changed(source, name=name)


def _name(source: SourceSettings) -> str:
    match source:
        case GrpcSettings():
            return ", ".join(each.text for each in source.grpc)
        case DiscoverSettings():
            return str(source.discover)
        case HttpSettings():
            return f"http:{source.http}"
        case FileSettings():
            return f"file:{source.file}"
        case SocketSettings():
            return f"socket:{source.socket.name}"
        case _:
            return "stdin"


def _channel(channel: ChannelSettings) -> ChannelSettings:
    service = default_options(channel.url.reveal())
    rate = service.rate if channel.rate is UNSET else channel.rate
    digest_after = service.digest_after if channel.digest_after is UNSET else channel.digest_after
    if rate is not None and channel.burst is not UNSET:
        rate = replace(rate, burst=float(channel.burst))
    burst = int(rate.burst) if rate is not None else channel.burst
    concurrency = (
        default_concurrency(channel.url.reveal(), rate) if channel.concurrency is UNSET else channel.concurrency
    )
    return changed(channel, rate=rate, burst=burst, digest_after=digest_after, concurrency=concurrency)


def _admin(admin: AdminSettings, journal: Path) -> AdminSettings:
    return changed(admin, socket=admin.socket or SocketPath(journal.with_name(f"{journal.name}.admin.sock")))


def _allow(allow: AllowSettings, folder: Path, journal: Path) -> AllowSettings:
    own = tuple(AbsolutePath(Path(os.path.normpath(each))) for each in (folder, journal.parent))
    return changed(allow, files=allow.files or tuple(dict.fromkeys(own)))
