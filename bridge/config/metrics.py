"""The ``metrics`` of a config: where Prometheus finds them, and who may look."""

from __future__ import annotations

from dataclasses import dataclass

import yaml

from bridge.common.secret import Secret
from bridge.config.reader import Reader
from bridge.config.sources import is_loopback, read_listen_address, read_networks
from bridge.language.program.values import Network

_KEYS = ("listen", "allow", "token", "insecure")


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """Where to listen, and for whom."""

    host: str
    port: int
    token: Secret
    allow: tuple[Network, ...]


def read_metrics(reader: Reader, node: yaml.Node | None) -> MetricsSettings | None:
    """An address, or a mapping with ``listen``; None where there is none, or a mistake."""
    if node is None:
        return None
    entries = reader.mapping(node, "metrics", _KEYS) if isinstance(node, yaml.MappingNode) else {"listen": node}
    address = None
    if "listen" in entries:
        address = read_listen_address(reader.text(entries["listen"], "metrics"))
    if address is None:
        reader.wrong(entries.get("listen", node), "`metrics` is no address to listen at", "write 127.0.0.1:9376")
        return None
    token = reader.password(entries.get("token"), "token")
    allow = read_networks(reader, entries.get("allow"))
    insecure = reader.yes(entries.get("insecure"), "insecure")
    if not (token.reveal() or allow or insecure or is_loopback(address[0])):
        reader.wrong(
            node, f"anybody who reaches {address[0]} could read the names of nodes, routes and channels",
            "write metrics: {listen: …, allow: [10.0.0.0/8]}, or token; or listen at 127.0.0.1; or say insecure: true",
        )  # fmt: skip
    return MetricsSettings(*address, token, allow)
