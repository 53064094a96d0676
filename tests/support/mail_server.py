"""A real SMTP server on loopback that records what it receives and replies as configured."""

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
"""From a recipient's address to the reply to RCPT. Anything but a 250 rejects the recipient."""


@dataclass(slots=True)
class ReceivedMail:
    """One e-mail as it arrived."""

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

    recipient_reply: Reply = lambda _address: "250 OK"
    data_reply: str = "250 OK"
    sender_reply: str = "250 OK"
    quit_reply: str = "221 Bye"
    received: list[ReceivedMail] = field(default_factory=list)
    port: int = 0

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self.sender_reply

    async def handle_QUIT(self, _server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802
        return self.quit_reply

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        reply = self.recipient_reply(address)
        if reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.data_reply.startswith("2"):
            assert isinstance(envelope.content, bytes)
            login = session.auth_data.login.decode() if session.auth_data else ""
            self.received.append(
                ReceivedMail(
                    envelope.mail_from or "", list(envelope.rcpt_tos), envelope.content, session.ssl is not None, login
                )
            )
        return self.data_reply


def _authenticate(
    _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: LoginPassword
) -> AuthResult:
    return AuthResult(success=data.password == b"right-password", auth_data=data, handled=False)


class _AnyPort(Controller):
    """aiosmtpd connects to its own port after the start; with port 0 the port is known only then."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server(pair: Pair | None = None, *, auth: bool = False) -> Iterator[MailServer]:
    """Serve. With a certificate the server requires STARTTLS."""
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
        authenticator=_authenticate if auth else None,
        auth_required=auth,
    )
    controller.start()
    handler.port = controller.port
    try:
        yield handler
    finally:
        controller.stop()
