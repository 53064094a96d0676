"""Warnings about a config of a fleet or a database. Pure: it connects to nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from bridge.config.load import LoadedConfig
from bridge.config.reading.document import Place
from bridge.config.schema.config import Config
from bridge.config.schema.sources import FileSettings, HttpSettings
from bridge.config.schema.values import ListenAddress
from bridge.journal.location import hosts_and_parameters
from bridge.journal.members import INTAKE
from bridge.language.diagnostics.diagnostic import Code, Diagnostic

_MACHINE_VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>(?:\w*_)?(?:HOST|HOSTNAME|NODE|NODENAME|POD|MACHINE)(?:_\w*)?)\}")
"""A variable that has another value on each machine or in each pod."""
_VERIFIED = frozenset({"verify-ca", "verify-full"})


def fleet_warnings(loaded: LoadedConfig) -> list[Diagnostic]:
    """Warnings and advice; none for a config that has errors, or whose journal is a file."""
    config = loaded.config
    if config is None or config.journal.url is None:
        return []
    of_fleet = (_sources(loaded, config), _labels(loaded), _files(config)) if config.roles else ()
    found = chain(_unverified(config), *of_fleet)
    return [Diagnostic(code, message, loaded.spans[place], hint) for code, place, message, hint in found]


_Found = tuple[Code, Place, str, str]
"""What, where, the message and the remedy."""


def _sources(loaded: LoadedConfig, config: Config) -> Iterator[_Found]:
    if INTAKE not in config.roles:
        if ("sources", 0) in loaded.spans:
            message = "this bridge reads no source, because `roles` has no `intake`"
            yield Code.FLEET_ADVICE, ("sources",), message, "remove `sources`, or add `intake`"
        return
    for at, source in enumerate(config.sources):
        place: Place = ("sources", at)
        if isinstance(source, FileSettings) and (*place, "name") not in loaded.spans:
            message = "only one bridge of the fleet reads these files, on its machine"
            hint = (
                "write name: node-${HOSTNAME} if each machine has its own; one name for files that all machines share"
            )
            yield Code.FLEET_LOCAL, (*place, "file"), message, hint
        if isinstance(source, HttpSettings) and ("terminal",) in loaded.spans and config.terminal == "on":
            message = "a typed line is stored in pieces if its keys reach several bridges"
            hint = "let the load balancer choose the bridge by the client's address (sessionAffinity: ClientIP)"
            yield Code.FLEET_ADVICE, (*place, "http"), message, hint


def _labels(loaded: LoadedConfig) -> Iterator[_Found]:
    """Bridges with other labels decide by other routes."""
    for name in loaded.labels:
        span = loaded.spans["labels", name]
        if found := _MACHINE_VARIABLE.search(loaded.source.text[span.start : span.end]):
            message = f"all bridges of a fleet must have the same labels, and {found['name']} differs by machine"
            hint = "write a value that all share; an alert has its `hostname`"
            yield Code.FLEET_LOCAL, ("labels", name), message, hint


def _files(config: Config) -> Iterator[_Found]:
    for name, channel in config.channels.items():
        if channel.scheme == "file":
            yield (
                Code.FLEET_ADVICE, ("channels", name, "url"),
                "the file is on the machine of the bridge that delivers to this channel, which may change",
                "name a file on storage that all machines share, or collect the files of all",
            )  # fmt: skip


def _unverified(config: Config) -> Iterator[_Found]:
    """Connections over the network to a server that is not verified. An unread secret has no hosts."""
    assert config.journal.url is not None
    hosts, parameters = hosts_and_parameters(config.journal.url.reveal())
    far = [each for each in hosts if not each.startswith("/") and not ListenAddress(each, 0, each).is_loopback]
    if far and parameters.get("sslmode", "") not in _VERIFIED:
        message = f"the bridge does not verify that {far[0]} is the database's server"
        yield Code.UNVERIFIED_DATABASE, ("journal", "url"), message, "add sslmode=verify-full to the URL"
