"""Ports of loopback that nothing listens on."""

from __future__ import annotations

import re
import socket


def free_port() -> int:
    """A port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def on_free_ports(config: str) -> str:
    """The text of a config with free ports in place of its own, which something may listen on here."""
    return re.sub(r"(?<=\b127\.0\.0\.1:)\d+|(?<=\b0\.0\.0\.0:)\d+", lambda _: str(free_port()), config)
