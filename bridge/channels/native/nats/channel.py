"""``nats://`` and ``natss://``: alerts as messages of a NATS subject, stored by JetStream or only handed over."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bridge.channels.channel_tls import ChannelTls
from bridge.channels.contract import Outcome
from bridge.channels.errors import ChannelError
from bridge.channels.message.alert_body import alert_body, falcosidekick_body
from bridge.channels.native.nats.errors import of_connection
from bridge.channels.native.nats.event_loop import LoopThread
from bridge.channels.native.nats.publisher import Connection, Login, Message, connect
from bridge.channels.native.shared.address import Address
from bridge.channels.native.shared.brokers import Brokers, parse_brokers
from bridge.channels.native.shared.extras import require
from bridge.channels.native.shared.json_line import json_line
from bridge.common.masking import redacted
from bridge.delivery.delivery import Delivery
from bridge.delivery.extras import NO_EXTRAS, ChannelExtras
from bridge.delivery.outcome import summarized

PARAMETERS = ("delivery", "format", "creds", "nkey", "inbox", "handshake", "client", "cafile")
_PORT = 4222
_SUBJECT = re.compile(r"(?!\$)[!-)+-\-/-=?-~]+(?:\.[!-)+-\-/-=?-~]+)*")
"""Tokens of printable ASCII, without the dot and the wildcards ``*`` and ``>``. ``$`` begins the server's own."""
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_LONGEST_SUBJECT = 250
_CREDENTIALS = re.compile(r"BEGIN NATS USER JWT.*BEGIN USER NKEY SEED", re.DOTALL)
_SEED = re.compile(r"\A\s*SU[A-Z2-7]{56}\s*\Z")
_LONGEST_FILE = 100_000
_BODIES: Mapping[str, Callable[[Delivery, Mapping[str, str]], dict[str, object]]] = {
    "falco": alert_body,
    "falcosidekick": falcosidekick_body,
}
_HEADER_BYTES = 1024
"""More than the headers of a message need; they count against the server's limit."""
_ATTEMPT_SECONDS = 25.0


class NatsChannel:
    """The channel of one subject."""

    batch_size = 500
    digest_limit = batch_size

    def __init__(self, name: str, url: str, labels: Mapping[str, str], *, extras: ChannelExtras = NO_EXTRAS) -> None:
        """Raises ChannelError if the URL, a file or the installation cannot be used. Does not connect."""
        self.name = name
        brokers = parse_brokers(url, PARAMETERS, _PORT)
        address = brokers.address
        self._servers = list(brokers.servers)
        self._labels = {**labels, **address.labels}
        self._body = _BODIES[address.choice("format", tuple(_BODIES))]
        self._stores = address.choice("delivery", ("jetstream", "core")) == "jetstream"
        self._subject = _subject(brokers)
        self._login = _login(address)
        self._options = _options(address)
        self._tls = ChannelTls(name, extras.tls, address.one("cafile")) if address.scheme == "natss" else None
        if self._tls is None and (address.one("cafile") or address.one("handshake")):
            raise ChannelError("has `cafile` or `handshake`, but no TLS; write natss://")
        self._secrets = address.secrets | extras.secrets
        require("nats", "nats")
        self.address = brokers.servers[0]
        self._lock = threading.Lock()
        self._loop: LoopThread | None = None
        self._connection: Connection | None = None
        self._context: object = None

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Publish one message for each delivery, and wait for the server's answers."""
        with self._lock:
            self._loop = self._loop or LoopThread(f"channel {self.name} nats")
            try:
                outcomes = self._loop.run(self._publish(deliveries), _ATTEMPT_SECONDS)
            except Exception as error:  # noqa: BLE001  # the client raises its own, asyncio's, and those of sockets
                self._loop.run(self._disconnect(), _ATTEMPT_SECONDS)
                trusts, certificate = ("", "") if self._tls is None else (self._tls.authorities, self._tls.certificate)
                outcomes = [of_connection(error, self._servers[0][0], trusts, certificate)]
                return self._shown(outcomes[0])
        return summarized([self._shown(each) for each in outcomes])

    async def _publish(self, deliveries: Sequence[Delivery]) -> list[Outcome]:
        connection = await self._connected()
        limit = connection.max_payload - _HEADER_BYTES
        messages = [Message(self._id(each), json_line(self._body(each, self._labels), limit)) for each in deliveries]
        return await connection.publish(self._subject, messages, stores=self._stores)

    async def _connected(self) -> Connection:
        """The open connection, or one to the first server that answers. Replaced certificates need another one."""
        context = None if self._tls is None else self._tls.context()
        if self._connection is not None and self._connection.is_open and context is self._context:
            return self._connection
        await self._disconnect()
        for left in range(len(self._servers) - 1, -1, -1):
            try:
                self._connection = await connect(self._servers[0], self._login, context, self._options)
            except Exception:
                self._servers.append(self._servers.pop(0))
                if not left:
                    raise
            else:
                break
        self._context = context
        assert self._connection is not None
        return self._connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    def _id(self, delivery: Delivery) -> str:
        """The same in every attempt and, for a single alert, in every bridge. Streams compare it across subjects."""
        if delivery.notification.context is None:
            return f"{delivery.alert.id}/{self._subject}"
        return f"{delivery.alert.id}/{self._subject}/{delivery.notification.context.kind.value}-{delivery.id}"

    def _shown(self, outcome: Outcome) -> Outcome:
        return replace(outcome, reason=redacted(outcome.reason, self._secrets))

    def close(self) -> None:
        """Close the connection and end the thread."""
        with self._lock:
            if self._loop is not None:
                self._loop.run(self._disconnect(), _ATTEMPT_SECONDS)
                self._loop.close()
                self._loop = None


def _subject(brokers: Brokers) -> str:
    subject = brokers.target
    if not subject:
        raise ChannelError(f"has no subject; write {brokers.address.scheme}://HOST:PORT/SUBJECT")
    if len(subject) > _LONGEST_SUBJECT or not _SUBJECT.fullmatch(subject):
        raise ChannelError("has an invalid subject; write words with dots between them, without `*`, `>` and spaces")
    return subject


def _login(address: Address) -> Login:
    if sum(map(bool, (address.user, address.one("creds"), address.one("nkey")))) > 1:
        raise ChannelError("has several logins; write one of USER:PASSWORD@, TOKEN@, `creds` and `nkey`")
    if address.password and not address.user:
        raise ChannelError("has a password without a user; write USER:PASSWORD@ or TOKEN@")
    if address.user and not address.password:
        return Login(token=address.user)
    creds, nkey = _file(address, "creds", _CREDENTIALS), _file(address, "nkey", _SEED)
    return Login(address.user, address.password, "", creds, nkey)


def _file(address: Address, name: str, content: re.Pattern[str]) -> str:
    path = address.one(name)
    if not path:
        return ""
    try:
        with Path(path).open(encoding="latin-1") as file:
            text = file.read(_LONGEST_FILE)
    except OSError as error:
        raise ChannelError(f"has a file in `{name}` that cannot be read ({error.strerror})") from None
    if not content.search(text):
        raise ChannelError(f"has a file in `{name}` that contains no credentials of NATS")
    return path


def _options(address: Address) -> dict[str, Any]:
    client, inbox = address.one("client", "falco-bridge"), address.one("inbox", "_INBOX")
    for name, value in (("client", client), ("inbox", inbox)):
        if not _NAME.fullmatch(value):
            raise ChannelError(f"has an invalid `{name}`; use letters, digits and ._- only")
    first = bool(address.one("handshake")) and address.choice("handshake", ("first",)) == "first"
    return {"name": client, "inbox_prefix": inbox, "tls_handshake_first": first}
