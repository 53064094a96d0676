"""Decodes the lines of one stream into alerts: Falco's JSON or text, plain or wrapped by a container runtime. Pure."""

from __future__ import annotations

import re
from enum import Enum, auto

from bridge.alert.forms.container_log import Unwrapper
from bridge.alert.forms.text_form import starts_text_alert
from bridge.alert.malformed import Malformed
from bridge.alert.rejected import RejectedMessage
from bridge.sources.lines import RawLine
from bridge.sources.payload import Payload, decode_one

_BLANK = b" \t\r\n"
_LOG_LINE = re.compile(
    rb"Events detected: \d+$|Rule counts by severity:|Triggered rules by rule name:"
    rb"|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}: |\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}: "
)
"""The beginnings of Falco's own log lines and of the summary that it prints when it exits."""
_MAX_CONTINUED_BYTES = 64 << 10
"""The size to which a text alert may grow by continuation lines."""


class Progress(Enum):
    """How far the stream is decided after a line."""

    COMPLETE = auto()
    """Everything up to the end of this line is decided."""
    HELD = auto()
    """Everything before this line is decided. The line itself may be continued."""
    CONTINUED = auto()
    """The line continues an earlier one, which is still undecided."""


class LineReader:
    """Takes lines and adds their alerts to a payload. A text alert is held until its end is known."""

    def __init__(self) -> None:
        self._unwrapper = Unwrapper()
        self._text = bytearray()
        self._text_stream = b""

    @property
    def mid_line(self) -> bool:
        """Whether a container's line has begun and its end has not been read."""
        return self._unwrapper.pending

    def adopt(self, other: LineReader) -> None:
        """Continue a container's line that began in a file that was rotated."""
        self._unwrapper, other._unwrapper = other._unwrapper, Unwrapper()  # same class

    def take(self, line: RawLine, received_ns: int, payload: Payload) -> Progress:
        """Decode one line. Lines that do not look like an alert are Falco's log and are skipped."""
        if line.too_long:
            self.flush(received_ns, payload)
            payload.rejected.append(RejectedMessage("is longer than 8 MiB", line.content))
            return Progress.COMPLETE
        at_start = not self._unwrapper.pending and not self._text
        content = self._unwrapper.feed(line.content)
        if content is None:
            return Progress.HELD if at_start else Progress.CONTINUED
        return self._content(content, received_ns, payload)

    def flush(self, received_ns: int, payload: Payload) -> None:
        """Nothing more to read for now: a held text alert ends here."""
        if self._text:
            _decode(bytes(self._text), received_ns, payload)
            self._text.clear()

    def _content(self, content: bytes, received_ns: int, payload: Payload) -> Progress:
        if content[:1] != b"{" and starts_text_alert(content):
            self.flush(received_ns, payload)
            self._text += content
            self._text_stream = self._unwrapper.stream
            return Progress.CONTINUED if self.mid_line else Progress.HELD
        if self._text and content[:1] != b"{" and self._unwrapper.stream != self._text_stream:
            return Progress.CONTINUED  # a log line of the container's other stream
        if self._text and self._continues(content):
            self._text += b"\n" + content
            return Progress.CONTINUED
        self.flush(received_ns, payload)
        if content.strip(_BLANK):
            _decode(content, received_ns, payload)
        return Progress.CONTINUED if self.mid_line else Progress.COMPLETE

    def _continues(self, content: bytes) -> bool:
        return (
            not content.startswith(b'{"')
            and not _LOG_LINE.match(content)
            and len(self._text) + len(content) < _MAX_CONTINUED_BYTES
        )


def _decode(content: bytes, received_ns: int, payload: Payload) -> None:
    decoded = decode_one(content, received_ns, payload.zone)
    if not isinstance(decoded, Malformed):
        payload.alerts.append(decoded)
    elif content.lstrip(_BLANK)[:1] == b"{":
        payload.rejected.append(RejectedMessage(decoded.reason, content))
