"""One connection to a NATS server, and the publishing of a batch over it. Runs in an asyncio loop."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from bridge.channels.contract import Outcome, Verdict
from bridge.channels.native.nats.errors import is_permission, outcome_of

if TYPE_CHECKING:
    from nats.aio.client import Client

_T = TypeVar("_T")
CONNECT_SECONDS = 5
ACKNOWLEDGE_SECONDS = 10.0
_CLOSE_SECONDS = 2.0
_NO_STREAM_RETRIES = 2
_NO_STREAM_SECONDS = 0.25
"""While a stream elects its leader nothing answers for it. Clients of NATS wait this long before they ask again."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message of NATS."""

    id: str
    """For the server's detection of repeats."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Login:
    """How a client identifies itself. Empty texts are not used."""

    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    creds: str = ""
    nkey: str = ""

    def options(self) -> dict[str, str]:
        """The arguments of the client."""
        named = {
            "user": self.user,
            "password": self.password,
            "token": self.token,
            "user_credentials": self.creds,
            "nkeys_seed": self.nkey,
        }
        return {name: value for name, value in named.items() if value}


class Connection:
    """An open connection. Errors that concern no single message are noted."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._forbidden: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def is_open(self) -> bool:
        """Whether the server has not closed it."""
        return bool(self._client.is_connected)

    @property
    def max_payload(self) -> int:
        """The most bytes of a message, as the server says."""
        return int(self._client.max_payload)

    async def note(self, error: Exception) -> None:
        """An error that the server sent, or that ended the connection."""
        if is_permission(error) and not self._forbidden.done():
            self._forbidden.set_exception(error)

    async def publish(self, subject: str, messages: Sequence[Message], *, stores: bool) -> list[Outcome]:
        """The outcome of each message. ``stores``: JetStream acknowledges each; otherwise the server has them all."""
        if not stores:
            await self._unless_forbidden(self._send(subject, messages))
            return [Outcome(Verdict.DELIVERED)] * len(messages)
        results = await self._unless_forbidden(
            asyncio.gather(*(self._store(subject, each) for each in messages), return_exceptions=True)
        )
        return [outcome_of(each) if isinstance(each, BaseException) else each for each in results]

    async def _unless_forbidden(self, work: Awaitable[_T]) -> _T:
        """The result of ``work``. Ends, and raises the error, when the server forbids a subject."""
        task = asyncio.ensure_future(work)
        await asyncio.wait((task, self._forbidden), return_when=asyncio.FIRST_COMPLETED)
        if self._forbidden.done():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            self._forbidden.result()
        return await task

    async def _store(self, subject: str, message: Message) -> Outcome:
        from nats.js.errors import NoStreamResponseError

        stream = self._client.jetstream(timeout=ACKNOWLEDGE_SECONDS)
        for _ in range(_NO_STREAM_RETRIES):
            with suppress(NoStreamResponseError):
                await stream.publish(subject, message.body, headers=_headers(message))
                return Outcome(Verdict.DELIVERED)
            await asyncio.sleep(_NO_STREAM_SECONDS)
        await stream.publish(subject, message.body, headers=_headers(message))
        return Outcome(Verdict.DELIVERED)

    async def _send(self, subject: str, messages: Sequence[Message]) -> None:
        for each in messages:
            await self._client.publish(subject, each.body, headers=_headers(each))
        seconds = int(ACKNOWLEDGE_SECONDS)
        await self._client.flush(seconds)
        # The client writes the PING of a flush before the messages that it still holds, so a PING is needed after them.
        while self._client.pending_data_size:
            await self._client.flush(seconds)
        await self._client.flush(seconds)

    async def close(self) -> None:
        """Close it, within a time limit."""
        if self._forbidden.done():
            self._forbidden.exception()
        with suppress(Exception):
            await asyncio.wait_for(self._client.close(), _CLOSE_SECONDS)


def _headers(message: Message) -> dict[str, str]:
    return {"Nats-Msg-Id": message.id, "Content-Type": "application/json"}


async def connect(
    server: tuple[str, int], login: Login, context: ssl.SSLContext | None, options: dict[str, Any]
) -> Connection:
    """A connection to one server. Raises what the client raises.

    With a context, a server that offers no TLS gets no login: the offer itself is not protected.
    """
    from nats.errors import NoServersError

    client = _client(encrypted=context is not None)
    connection = Connection(client)
    last: list[Exception] = []

    async def note(error: Exception) -> None:
        last[:] = [error]
        await connection.note(error)

    host, port = server
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    tls: dict[str, Any] = {} if context is None else {"tls": context, "tls_hostname": host}
    identity: dict[str, Any] = dict(login.options())
    try:
        await client.connect(
            f"nats://{where}", error_cb=note, allow_reconnect=False, max_reconnect_attempts=1, reconnect_time_wait=0,
            connect_timeout=CONNECT_SECONDS, **identity, **tls, **options,
        )  # fmt: skip
    except NoServersError:
        raise (last[0] if last else NoServersError()) from None
    except BaseException:
        await connection.close()
        raise
    return connection


def _client(*, encrypted: bool) -> Client:
    from nats.aio.client import Client as NatsClient
    from nats.errors import SecureConnWantedError

    if not encrypted:
        return NatsClient()

    class EncryptedClient(NatsClient):
        def _connect_command(self) -> bytes:
            """The command with the login. The client itself sends it in plain text where the server offers no TLS."""
            if not (self.options["tls_handshake_first"] or self._server_info.get("tls_required")):
                raise SecureConnWantedError
            return super()._connect_command()

    if "_connect_command" not in vars(NatsClient):
        raise RuntimeError("this version of nats-py has another method that sends the login")
    return EncryptedClient()
