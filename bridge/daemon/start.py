"""Starts a bridge: listens first, then reads and checks everything.

Connections wait in the backlog until the bridge accepts them. Nothing is imported at the top that listening does not
need.
"""

from __future__ import annotations

import os
from pathlib import Path

from bridge.common.collection import collection_paused
from bridge.common.net.listening import ListeningSockets
from bridge.common.structlog_import import import_structlog
from bridge.config.load import load_config
from bridge.config.schema.config import Config
from bridge.config.schema.sources import HttpSettings, SocketSettings
from bridge.daemon.handover import inherited


def run_bridge(config_path: Path) -> int:
    """Run until stopped. Returns the exit code."""
    with collection_paused(lasting=True):
        predecessor, listening = inherited(os.environ)
        loaded = load_config(config_path, os.environ)
        if loaded.config is not None:
            bind_all(loaded.config, listening)
        import_structlog()
        from bridge.daemon.process import run

    try:
        return run(loaded, listening, predecessor)
    finally:
        listening.close()


def bind_all(config: Config, listening: ListeningSockets) -> None:
    """Listen at every address of the config. An address that cannot be used is reported when its listener is made."""
    for source in config.sources:
        if isinstance(source, HttpSettings):
            listening.bind_tcp(source.http.host, source.http.port)
        elif isinstance(source, SocketSettings):
            listening.bind_unix(source.socket, source.group)
    if config.admin.socket is not None:
        listening.bind_unix(config.admin.socket)
    listeners = [each.listen for each in (config.metrics, config.acknowledge) if each is not None]
    for address in (config.admin.listen, *listeners):
        if address is not None:
            listening.bind_tcp(address.host, address.port)
