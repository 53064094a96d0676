"""E-mail, over the settings that Apprise reads from a ``mailto://`` URL.

Apprise sends one form of a text, or makes one from the other; and tells of a failure only that there was one. So the
letter is ours and so is the conversation: two parts, one letter a recipient, and the server's own words back.
"""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from bridge.channels.apprise.intercept import limits
from bridge.channels.apprise.targets import Targets
from bridge.channels.contract import Outcome, Verdict
from bridge.channels.message.compose import message_of
from bridge.channels.render.mail import MOST_IN_A_DIGEST, Mail, mail
from bridge.channels.transport_errors import why_silent
from bridge.channels.verdict import of_smtp
from bridge.common.masking import redacted, secrets_in
from bridge.common.text import one_line
from bridge.delivery.delivery import Delivery

_LONGEST_REASON = 300
_TOO_LARGE = 552
"""Said to the sender's name already, with which a letter's size is announced (RFC 1870)."""


class MailChannel:
    """One mail server, one sender, and its recipients."""

    batch_size = 1
    digest_limit = MOST_IN_A_DIGEST

    def __init__(self, name: str, url: str, plugin: Any, labels: Mapping[str, str]) -> None:
        self.name = name
        self._plugin = plugin
        self._labels = labels
        self._secrets = secrets_in(url)
        self._targets = Targets[tuple[str | None, str]](plugin.targets)

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Send each recipient a letter of his own; who took it before does not get it again."""
        try:
            with self._connected() as server:
                outcome = self._targets.send(deliveries, lambda target, missing: self._post(server, target, missing))
        except Exception as error:  # noqa: BLE001  # whatever it is, the courier must go on
            outcome = _failed(error)
        reason = one_line(
            redacted(outcome.reason, self._secrets), _LONGEST_REASON
        )  # in this order: half a secret is one
        return replace(outcome, reason=reason)

    def close(self) -> None:
        """A connection lasts for one message."""

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        """Connected, encrypted as the URL asks, logged in. Raises OSError, SMTPException."""
        plugin, times = self._plugin, limits()
        mode = str(plugin.secure_mode)
        if mode == "ssl":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                plugin.smtp_host, plugin.port, timeout=times.read, context=self._context()
            )
        else:
            server = smtplib.SMTP(plugin.smtp_host, plugin.port, timeout=times.read)
        try:
            if mode == "starttls":
                server.starttls(context=self._context())
            if plugin.user and plugin.password:
                server.login(plugin.user, plugin.password)
            yield server
            with suppress(OSError):  # however it takes the farewell: who has a letter has it
                server.quit()
        finally:
            server.close()

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if not self._plugin.verify_certificate:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _post(self, server: smtplib.SMTP, target: tuple[str | None, str], deliveries: Sequence[Delivery]) -> Outcome:
        """One letter to one recipient. Raises SMTPServerDisconnected: nobody else gets one by that connection."""
        name, address = target
        letter = mail(message_of(deliveries, self._labels))
        key = tuple(f"{each.id} {each.alert.id}" for each in deliveries)
        try:
            written = self._written(letter, key, name or "", address)
            refused = server.send_message(written, self._sender[1], self._all_of(address))
        except smtplib.SMTPServerDisconnected:
            raise
        except smtplib.SMTPException as error:
            return _failed(error)
        if address in refused:  # while who gets a copy was not
            code, text = refused[address]
            return replace(_said(of_smtp(code), code, text), applies_to_whole_batch=True)
        return Outcome(Verdict.DELIVERED, 250)

    @property
    def _sender(self) -> tuple[str, str]:
        name, address = self._plugin.from_addr
        return name or "Falco", address

    def _all_of(self, address: str) -> list[str]:
        return [address, *(self._plugin.cc - {address}), *(self._plugin.bcc - {address})]

    def _written(self, letter: Mail, key: tuple[str, ...], name: str, address: str) -> EmailMessage:
        """The library writes headers so that no value can add another."""
        message = EmailMessage()
        message["Subject"] = letter.subject
        message["From"] = _address(*self._sender)
        message["To"] = _address(name, address)
        copies = [_address(self._plugin.names.get(copy) or "", copy) for copy in sorted(self._plugin.cc - {address})]
        if copies:
            message["Cc"] = copies
        if self._plugin.reply_to:
            message["Reply-To"] = [_address("", each) for each in sorted(self._plugin.reply_to)]
        message["Date"] = format_datetime(datetime.now(UTC))
        message["Message-ID"] = self._id(key, address)
        message["Auto-Submitted"] = "auto-generated"
        for header, value in self._plugin.headers.items():
            message[header] = one_line(str(value), 998)
        message.set_content(letter.text, cte="quoted-printable")
        message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
        return message

    def _id(self, key: tuple[str, ...], address: str) -> str:
        """The same for every attempt: a letter whose answer was lost is known again by servers that look for it."""
        told = "\0".join((self.name, address, *key)).encode("utf-8", "replace")
        domain = self._sender[1].rpartition("@")[2]
        return f"<{hashlib.blake2b(told, digest_size=16).hexdigest()}@{domain}>"


def _address(name: str, address: str) -> Address:
    return Address(name, addr_spec=address)


def _failed(error: Exception) -> Outcome:
    """What an exception of the conversation means."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = max(error.recipients.values())
        return _said(_before_the_letter(code), code, text)
    if isinstance(error, smtplib.SMTPResponseException):
        of_the_letter = isinstance(error, smtplib.SMTPDataError) or error.smtp_code == _TOO_LARGE
        judge = of_smtp if of_the_letter else _before_the_letter
        return _said(judge(error.smtp_code), error.smtp_code, error.smtp_error)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return Outcome(Verdict.RETRY, None, f"the server cannot do what the URL asks: {error}")
    return Outcome(Verdict.RETRY, None, why_silent(error))


def _before_the_letter(code: int) -> Verdict:
    """Greeting, login, sender or recipient: nothing of the letter has been said, so it is not to blame."""
    return Verdict.CHANNEL_FAULT if code >= 500 else Verdict.RETRY


def _said(verdict: Verdict, code: int, text: bytes | str) -> Outcome:
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return Outcome(verdict, code, f"SMTP {code}: {said}")
