"""E-mail, over the settings that Apprise reads from a ``mailto://`` URL.

Apprise sends one form of a text, or makes one from the other; and tells of a failure only that there was one. So the
letter is ours and so is the conversation: two parts, one letter a recipient, and the server's own words back.
"""

from __future__ import annotations

import hashlib
import smtplib
import ssl
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from bridge.channels.compose import message_of
from bridge.channels.contract import Outcome, Verdict
from bridge.channels.probe import limits
from bridge.channels.redact import redacted, secrets_in
from bridge.channels.render.mail import MOST_IN_A_DIGEST, Mail, mail
from bridge.channels.sanitise import one_line
from bridge.channels.silence import why_silent
from bridge.journal.model import Delivery

_LONGEST_REASON = 300
_MOST_REMEMBERED = 1000


class MailChannel:
    """One mail server, one sender, and its recipients."""

    together = 1
    most_in_a_digest = MOST_IN_A_DIGEST

    def __init__(self, name: str, url: str, plugin: Any, labels: Mapping[str, str]) -> None:
        self.name = name
        self._plugin = plugin
        self._labels = labels
        self._secrets = secrets_in(url)
        self._taken = _Taken()

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Send each recipient a letter of his own; who took it before does not get it again."""
        letter = mail(message_of(deliveries, self._labels))
        key = tuple(f"{each.id} {each.alert.id}" for each in deliveries)
        try:
            with self._connected() as server:
                outcome = self._send_each(server, letter, key)
        except Exception as error:  # noqa: BLE001  # whatever it is, the courier must go on
            outcome = _failed(error)
        reason = one_line(
            redacted(outcome.reason, self._secrets), _LONGEST_REASON
        )  # in this order: half a secret is one
        return Outcome(outcome.verdict, outcome.status, reason)

    def close(self) -> None:
        """A connection lasts for one message."""

    def _connected(self) -> smtplib.SMTP:
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
        except BaseException:
            server.close()
            raise
        return server

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if not self._plugin.verify_certificate:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _send_each(self, server: smtplib.SMTP, letter: Mail, key: tuple[str, ...]) -> Outcome:
        """The worst of what became of them: a recipient to try again comes before one refused for good."""
        worst = Outcome(Verdict.DELIVERED, 250)
        for name, address in self._plugin.targets:
            if self._taken.has(key, address):
                continue
            try:
                server.send_message(
                    self._written(letter, key, name or "", address), self._sender[1], self._all_of(address)
                )
                self._taken.add(key, address)
            except smtplib.SMTPServerDisconnected:
                raise
            except smtplib.SMTPException as error:
                outcome = _failed(error)
                if worst.verdict is not Verdict.RETRY:
                    worst = outcome
        if worst.verdict is Verdict.DELIVERED:
            self._taken.forget(key)
        return worst

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


class _Taken:
    """Who has taken a message that others have not, so that the retry does not reach him twice. Bounded."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_key: OrderedDict[tuple[str, ...], set[str]] = OrderedDict()

    def has(self, key: tuple[str, ...], address: str) -> bool:
        with self._lock:
            return address in self._by_key.get(key, ())

    def add(self, key: tuple[str, ...], address: str) -> None:
        with self._lock:
            self._by_key.setdefault(key, set()).add(address)
            while len(self._by_key) > _MOST_REMEMBERED:
                self._by_key.popitem(last=False)

    def forget(self, key: tuple[str, ...]) -> None:
        with self._lock:
            self._by_key.pop(key, None)


def _address(name: str, address: str) -> Address:
    return Address(name, addr_spec=address)


def _failed(error: Exception) -> Outcome:
    """What an exception of the conversation means."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = max(error.recipients.values())
        return _said(code, text)
    if isinstance(error, smtplib.SMTPResponseException):
        return _said(error.smtp_code, error.smtp_error)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return Outcome(Verdict.RETRY, None, f"the server cannot do what the URL asks: {error}")
    return Outcome(Verdict.RETRY, None, why_silent(error))


def _said(code: int, text: bytes | str) -> Outcome:
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return Outcome(Verdict.REFUSED if 500 <= code < 600 else Verdict.RETRY, code, f"SMTP {code}: {said}")
