"""One stream's lines into alerts, whatever wrote them: Falco's JSON or text, a container runtime around it. Pure."""

from __future__ import annotations

import re
from enum import Enum, auto

from bridge.alert.forms.container_log import Unwrapper
from bridge.alert.forms.text_form import begins_text
from bridge.alert.malformed import Malformed
from bridge.sources.contract import Refusal
from bridge.sources.lines import Line
from bridge.sources.payload import Payload, decode_one

_BLANK = b" \t\r\n"
_CHATTER = re.compile(
    rb"Events detected: \d+$|Rule counts by severity:|Triggered rules by rule name:"
    rb"|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}: |\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}: "
)
"""How Falco's own words begin: its summary at the end, and its log."""
_MOST_CONTINUED = 64 << 10
"""Bytes that a text alert may go on over further lines."""


class Taken(Enum):
    """What is behind us once a line was taken."""

    ALL = auto()
    """Everything up to the end of this line is decided."""
    BEFORE = auto()
    """Everything before this line is; it may go on."""
    LESS = auto()
    """It goes on with what began before."""


class LineReader:
    """Takes lines and adds what they bring to a payload. A text alert is held until it is known where it ends."""

    def __init__(self) -> None:
        self._unwrapper = Unwrapper()
        self._text = bytearray()
        self._text_stream = b""

    @property
    def amid_a_line(self) -> bool:
        """Whether a container's line has begun whose end is still to come."""
        return self._unwrapper.pending

    def inherit(self, other: LineReader) -> None:
        """Go on with a container's line that began in a file which was rotated away."""
        self._unwrapper, other._unwrapper = other._unwrapper, Unwrapper()  # its own kind

    def take(self, line: Line, received_ns: int, payload: Payload) -> Taken:
        """One line. What does not look like an alert is Falco's chatter, and is left out."""
        if line.too_long:
            self.flush(received_ns, payload)
            payload.refused.append(Refusal("is longer than 8 MiB", line.content))
            return Taken.ALL
        began = not self._unwrapper.pending and not self._text
        content = self._unwrapper.feed(line.content)
        if content is None:
            return Taken.BEFORE if began else Taken.LESS
        return self._content(content, received_ns, payload)

    def flush(self, received_ns: int, payload: Payload) -> None:
        """No more comes for now: a text alert ends here."""
        if self._text:
            _decode(bytes(self._text), received_ns, payload)
            self._text.clear()

    def _content(self, content: bytes, received_ns: int, payload: Payload) -> Taken:
        if content[:1] != b"{" and begins_text(content):
            self.flush(received_ns, payload)
            self._text += content
            self._text_stream = self._unwrapper.stream
            return Taken.LESS if self.amid_a_line else Taken.BEFORE
        if self._text and content[:1] != b"{" and self._unwrapper.stream != self._text_stream:
            return Taken.LESS  # the other stream's chatter
        if self._text and self._continues(content):
            self._text += b"\n" + content
            return Taken.LESS
        self.flush(received_ns, payload)
        if content.strip(_BLANK):
            _decode(content, received_ns, payload)
        return Taken.LESS if self.amid_a_line else Taken.ALL

    def _continues(self, content: bytes) -> bool:
        return (
            not content.startswith(b'{"')
            and not _CHATTER.match(content)
            and len(self._text) + len(content) < _MOST_CONTINUED
        )


def _decode(content: bytes, received_ns: int, payload: Payload) -> None:
    found = decode_one(content, received_ns, payload.zone)
    if not isinstance(found, Malformed):
        payload.alerts.append(found)
    elif content.lstrip(_BLANK)[:1] == b"{":
        payload.refused.append(Refusal(found.reason, content))
