"""A real SMTP server on loopback that keeps what it received and answers as told."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.support.certificates import Pair

Reply = Callable[[str], str]
"""From a recipient to what is answered when he is named; anything but a 250 refuses him."""


@dataclass(slots=True)
class Letter:
    """One message as it arrived."""

    sender: str
    recipients: list[str]
    raw: bytes
    encrypted: bool
    login: str

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)  # type: ignore[return-value]

    def part(self, kind: str) -> str:
        """The text of its ``plain`` or ``html`` part."""
        body = self.message.get_body((kind,))
        assert body is not None
        return str(body.get_content()).replace("\r\n", "\n")


@dataclass(slots=True)
class MailServer:
    """The handler of aiosmtpd's server."""

    to_recipient: Reply = lambda _address: "250 OK"
    to_data: str = "250 OK"
    to_sender: str = "250 OK"
    to_farewell: str = "221 Bye"
    letters: list[Letter] = field(default_factory=list)
    port: int = 0

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self.to_sender

    async def handle_QUIT(self, _server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802
        return self.to_farewell

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        reply = self.to_recipient(address)
        if reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.to_data.startswith("2"):
            assert isinstance(envelope.content, bytes)
            login = session.auth_data.login.decode() if session.auth_data else ""
            self.letters.append(
                Letter(
                    envelope.mail_from or "", list(envelope.rcpt_tos), envelope.content, session.ssl is not None, login
                )
            )
        return self.to_data


def _right(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: LoginPassword) -> AuthResult:
    return AuthResult(success=data.password == b"right-password", auth_data=data, handled=False)


class _AnyPort(Controller):
    """aiosmtpd looks itself up where it was told to listen; port 0 is told only afterwards."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server(pair: Pair | None = None, *, auth: bool = False) -> Iterator[MailServer]:
    """Serve; with a pair by STARTTLS, which is then demanded."""
    handler = MailServer()
    context = None
    if pair is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.certificate, pair.key)
    controller = _AnyPort(
        handler,
        hostname="127.0.0.1",
        port=0,
        tls_context=context,
        require_starttls=pair is not None,
        authenticator=_right if auth else None,
        auth_required=auth,
    )
    controller.start()
    handler.port = controller.port
    try:
        yield handler
    finally:
        controller.stop()
