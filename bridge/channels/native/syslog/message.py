"""A delivery as a syslog message after RFC 5424. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bridge.channels.message.alert_body import alert_body, falcosidekick_body, headline
from bridge.channels.native.shared.json_line import json_line
from bridge.channels.native.syslog.cef import cef_event
from bridge.common.clocks.times import iso_text
from bridge.common.text import one_line, visible
from bridge.delivery.delivery import Delivery

FACILITIES: Mapping[str, int] = {
    "kern": 0, "user": 1, "mail": 2, "daemon": 3, "auth": 4, "syslog": 5, "lpr": 6, "news": 7, "uucp": 8, "cron": 9,
    "authpriv": 10, "ftp": 11, **{f"local{number}": 16 + number for number in range(8)},
}  # fmt: skip
APP_NAME = re.compile(r"[!-~]{1,48}")
SD_ID = re.compile(r"[A-Za-z0-9_.-]{1,20}@[1-9][0-9]{0,11}(?:\.[0-9]{1,11}){0,4}")
"""A name and a private enterprise number (RFC 5424, 6.3.2)."""
_NOT_NAME = re.compile(r"[^!#-<>-\\^-~]")
"""What the name of a parameter cannot contain: all but printable ASCII, and ``=``, ``]``, the quote and the space."""
_NOT_PRINTABLE = re.compile(r"[^!-~]")
_ESCAPED = re.compile(r'(["\\\]])')
_BOM = "\ufeff"
_MAX_NAME = 32
_MAX_HOSTNAME = 255
_MAX_VALUE = 200
_MICROSECONDS = 26
"""Characters of a time with six digits. RFC 5424 allows no more; an alert's time has nine."""

Body = Callable[[Delivery, Mapping[str, str], int], str]


@dataclass(frozen=True, slots=True)
class SyslogFormat:
    """How a channel writes its messages."""

    facility: int
    app: str
    sd_id: str
    body: Body
    limit: int
    """Bytes of a message. Longer texts are cut, so that a receiver need not cut the message itself."""

    def message(self, delivery: Delivery, labels: Mapping[str, str]) -> bytes:
        """One line without control characters: an alert cannot start a second message."""
        alert, notification = delivery.alert, delivery.notification
        kind = "single" if notification.context is None else notification.context.kind.value
        head = " ".join(
            (
                f"<{self.facility * 8 + int(notification.severity)}>1",
                f"{iso_text(alert.time_ns)[:_MICROSECONDS]}Z",
                _header(alert.hostname),
                self.app,
                "-",
                kind,
                self._structured_data(delivery, labels),
                "",
            )
        ).encode()
        return head + self.body(delivery, labels, max(self.limit - len(head), 0)).encode()

    def _structured_data(self, delivery: Delivery, labels: Mapping[str, str]) -> str:
        alert, notification = delivery.alert, delivery.notification
        parameters = {
            **labels,
            "id": alert.id,
            "delivery": str(delivery.id),
            "rule": alert.rule,
            "priority": str(alert.priority),
            "source": alert.source,
            "severity": notification.severity.word,
            "route": ", ".join(notification.routes),
        }
        parts = (f'{_parameter_name(name)}="{_parameter_value(value)}"' for name, value in parameters.items() if value)
        return f"[{' '.join((self.sd_id, *parts))}]"


def _falco(delivery: Delivery, labels: Mapping[str, str], limit: int) -> str:
    return json_line(alert_body(delivery, labels), limit, ascii_only=True).decode()


def _falcosidekick(delivery: Delivery, labels: Mapping[str, str], limit: int) -> str:
    return json_line(falcosidekick_body(delivery, labels), limit, ascii_only=True).decode()


def _text(delivery: Delivery, labels: Mapping[str, str], limit: int) -> str:
    return _within(visible(delivery.alert.output.strip() or headline(delivery, labels)), limit)


def _cef(delivery: Delivery, labels: Mapping[str, str], limit: int) -> str:
    return _within(cef_event(delivery, labels), limit)


BODIES: Mapping[str, Body] = {"falco": _falco, "falcosidekick": _falcosidekick, "text": _text, "cef": _cef}


def _within(text: str, limit: int) -> str:
    """The text in ``limit`` bytes. A text that is not ASCII begins with the mark that says that it is UTF-8."""
    if text.isascii():
        return text[:limit]
    return (_BOM + text).encode()[:limit].decode(errors="ignore")


def _header(text: str) -> str:
    """The text as a field of the header: printable ASCII without spaces, and not empty."""
    return _NOT_PRINTABLE.sub("_", text.strip()[:_MAX_HOSTNAME]) or "-"


def _parameter_name(name: str) -> str:
    return _NOT_NAME.sub("_", name)[:_MAX_NAME] or "_"


def _parameter_value(value: str) -> str:
    return _ESCAPED.sub(r"\\\1", one_line(value, _MAX_VALUE))
