"""E-mail, with the settings that Apprise reads from a ``mailto://`` URL.

Apprise sends either text or HTML, and reports a failure without its reason. So the bridge writes the e-mail (text and
HTML, one e-mail per recipient) and speaks SMTP itself, and reports the server's own words.
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

from bridge.channels import transport_errors
from bridge.channels.apprise.intercept import timeouts
from bridge.channels.apprise.plugin import address_of_plugin
from bridge.channels.apprise.targets import Targets
from bridge.channels.contract import Outcome, Verdict
from bridge.channels.message.compose import message_of
from bridge.channels.refusals import smtp_refusal
from bridge.channels.render.mail import DIGEST_LIMIT, MailContent, mail_content
from bridge.common.files.trust import authorities
from bridge.common.masking import redacted, secrets_in
from bridge.common.text import one_line
from bridge.delivery.delivery import Delivery

_MAX_REASON = 400
_MAX_HEADER = 998
_TOO_LARGE = 552
"""Servers answer this to MAIL FROM already, which announces the size (RFC 1870)."""


class MailChannel:
    """One mail server, one sender, and the recipients."""

    batch_size = 1
    digest_limit = DIGEST_LIMIT

    def __init__(self, name: str, url: str, plugin: Any, labels: Mapping[str, str]) -> None:
        self.name = name
        self.address = address_of_plugin(plugin)
        self._plugin = plugin
        self._labels = labels
        self._secrets = secrets_in(url)
        self._targets = Targets[tuple[str | None, str]](plugin.targets)

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Send one e-mail to each recipient that does not have it yet."""
        try:
            with self._connected() as server:
                outcome = self._targets.send(deliveries, lambda target, missing: self._send_to(server, target, missing))
        except Exception as error:  # noqa: BLE001  # a channel never raises
            outcome = _failure(error, str(self._plugin.smtp_host))
        # Redact before cutting: half a secret would not be found.
        reason = one_line(redacted(outcome.reason, self._secrets), _MAX_REASON)
        return replace(outcome, reason=reason)

    def close(self) -> None:
        """Nothing to close: each send has its own connection."""

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        """A connection, encrypted as the URL requires, and logged in. Raises OSError, SMTPException."""
        plugin, times = self._plugin, timeouts()
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
            with suppress(OSError):  # The e-mail is accepted even if QUIT fails.
                server.quit()
        finally:
            server.close()

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if not self._plugin.verify_certificate:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _send_to(self, server: smtplib.SMTP, target: tuple[str | None, str], deliveries: Sequence[Delivery]) -> Outcome:
        """Send one e-mail. Raises SMTPServerDisconnected: the connection cannot be used for other recipients."""
        name, address = target
        content = mail_content(message_of(deliveries, self._labels))
        key = tuple(f"{each.id} {each.alert.id}" for each in deliveries)
        try:
            email = self._email(content, key, name or "", address)
            rejected = server.send_message(email, self._sender[1], self._envelope_recipients(address))
        except smtplib.SMTPServerDisconnected:
            raise
        except smtplib.SMTPException as error:
            return _failure(error, str(self._plugin.smtp_host))
        if address in rejected:  # The server accepted a copy, but not the recipient.
            code, text = rejected[address]
            return replace(_outcome(_copy_verdict(code), code, text), applies_to_whole_batch=True)
        return Outcome(Verdict.DELIVERED, 250)

    @property
    def _sender(self) -> tuple[str, str]:
        name, address = self._plugin.from_addr
        return name or "Falco", address

    def _envelope_recipients(self, address: str) -> list[str]:
        return [address, *(self._plugin.cc - {address}), *(self._plugin.bcc - {address})]

    def _email(self, content: MailContent, key: tuple[str, ...], name: str, address: str) -> EmailMessage:
        """The e-mail. ``EmailMessage`` encodes header values, so that a value cannot add a header."""
        email = EmailMessage()
        email["Subject"] = content.subject
        email["From"] = _address(*self._sender)
        email["To"] = _address(name, address)
        copies = [_address(self._plugin.names.get(copy) or "", copy) for copy in sorted(self._plugin.cc - {address})]
        if copies:
            email["Cc"] = copies
        if self._plugin.reply_to:
            email["Reply-To"] = [_address("", each) for each in sorted(self._plugin.reply_to)]
        email["Date"] = format_datetime(datetime.now(UTC))
        email["Message-ID"] = self._message_id(key, address)
        email["Auto-Submitted"] = "auto-generated"
        for header, value in self._plugin.headers.items():
            email[header] = one_line(str(value), _MAX_HEADER)
        email.set_content(content.text, cte="quoted-printable")
        email.add_alternative(content.html, subtype="html", cte="quoted-printable")
        return email

    def _message_id(self, key: tuple[str, ...], address: str) -> str:
        """The same for every attempt, so that servers that check it drop a repeated e-mail."""
        identity = "\0".join((self.name, address, *key)).encode("utf-8", "replace")
        domain = self._sender[1].rpartition("@")[2]
        return f"<{hashlib.blake2b(identity, digest_size=16).hexdigest()}@{domain}>"


def _address(name: str, address: str) -> Address:
    return Address(name, addr_spec=address)


def _failure(error: Exception, host: str) -> Outcome:
    """The outcome for an exception of an SMTP session."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = max(error.recipients.values())
        return _outcome(_verdict_before_data(code), code, text)
    if isinstance(error, smtplib.SMTPResponseException):
        concerns_content = isinstance(error, smtplib.SMTPDataError) or error.smtp_code == _TOO_LARGE
        if not concerns_content:
            return _outcome(_verdict_before_data(error.smtp_code), error.smtp_code, error.smtp_error)
        return _outcome(smtp_refusal(error.smtp_code, _text(error.smtp_error)), error.smtp_code, error.smtp_error)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return Outcome(Verdict.RETRY, None, f"the mail server lacks a feature that the URL requires: {error}")
    return Outcome(Verdict.RETRY, None, transport_errors.describe(error, host, authorities(system=True)))


def _verdict_before_data(code: int) -> Verdict:
    """Greeting, login, sender or recipient: the server has not seen the content, so the fault is the channel's."""
    return Verdict.CHANNEL_FAULT if code >= 500 else Verdict.RETRY


def _copy_verdict(code: int) -> Verdict:
    """Only a copy was accepted. Sending the e-mail again would repeat the copy."""
    return Verdict.REJECTED if code >= 500 else Verdict.RETRY


def _outcome(verdict: Verdict, code: int, text: bytes | str) -> Outcome:
    return Outcome(verdict, code, f"SMTP {code}: {_text(text)}")


def _text(text: bytes | str) -> str:
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else text
