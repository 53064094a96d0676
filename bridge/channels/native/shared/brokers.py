"""Parses the URL of a broker: ``SCHEME://USER:PASSWORD@HOST:PORT,HOST:PORT/NAME?PARAMETERS``."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from urllib.parse import unquote

from bridge.channels.errors import ChannelError
from bridge.channels.native.shared.address import Address, parse_address
from bridge.common.masking import secrets_in

_URL = re.compile(r"(?P<head>[^:/?#]+://(?:[^/?#]*@)?)(?P<hosts>[^/?#@]*)(?P<rest>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Brokers:
    """The addresses of a cluster, and where in it messages go."""

    servers: tuple[tuple[str, int], ...]
    """Host without brackets, and port. The client finds the others of the cluster itself."""
    target: str
    """The topic or subject. It comes from the config only."""
    address: Address = field(repr=False)
    """The rest of the URL; its host is the first server."""

    def joined(self) -> str:
        """``HOST:PORT,HOST:PORT``."""
        return ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.servers)


def parse_brokers(url: str, known: Collection[str], port: int) -> Brokers:
    """Parse a URL; ``port`` is the default. Raises ChannelError, also for what a broker has not."""
    parts = _URL.fullmatch(url)
    if parts is None:
        raise ChannelError("has no host")
    hosts = parts["hosts"].split(",")
    addresses = [parse_address(f"{parts['head']}{host}{parts['rest']}", known) for host in hosts]
    address = replace(addresses[0], secrets=secrets_in(url))
    if address.headers or address.query:
        raise ChannelError("has a header or a query parameter, which only HTTP has; remove it")
    servers = tuple(each.host_and_port(port) for each in addresses)
    return Brokers(servers, unquote(address.path).strip("/"), address)
