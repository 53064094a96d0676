"""Decodes the lines of one stream into alerts: Falco's JSON or text, plain or wrapped by a container runtime. Pure."""

from __future__ import annotations

from enum import Enum, auto

from bridge.alert.forms.container_log import Unwrapper
from bridge.alert.forms.log_prefix import Prefix, cut_prefix, cut_same_prefix
from bridge.alert.forms.message import is_falcos_log
from bridge.alert.forms.text_form import starts_text_alert
from bridge.alert.rejected import RejectedMessage
from bridge.sources.lines import RawLine
from bridge.sources.payload import Payload

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
        self._text_prefix: Prefix | None = None
        """What stood before the held text alert."""

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
            payload.take_line(bytes(self._text), received_ns)
            self._text.clear()

    def end(self, received_ns: int, payload: Payload) -> None:
        """The stream has ended: a held text alert and the parts of a container's line end here."""
        for content in self._unwrapper.end():
            self._content(content, received_ns, payload)
        self.flush(received_ns, payload)

    def _content(self, content: bytes, received_ns: int, payload: Payload) -> Progress:
        if content[:1] != b"{" and (progress := self._hold(content, received_ns, payload)) is not None:
            return progress
        self.flush(received_ns, payload)
        payload.take_line(content, received_ns)
        return Progress.CONTINUED if self.mid_line else Progress.COMPLETE

    def _hold(self, content: bytes, received_ns: int, payload: Payload) -> Progress | None:
        """Hold a text alert, or add to the one that is held. None if the line is neither."""
        prefix, text = None, content
        if not starts_text_alert(content):
            prefix, text = cut_prefix(content) or (None, content)
        if starts_text_alert(text):
            self.flush(received_ns, payload)
            self._text += text
            self._text_stream, self._text_prefix = self._unwrapper.stream, prefix
            return Progress.CONTINUED if self.mid_line else Progress.HELD
        if not self._text or text[:1] == b"{":
            return None
        if self._unwrapper.stream != self._text_stream:
            return Progress.CONTINUED  # a log line of the container's other stream
        continuation = self._continuation(content)
        if continuation is None:
            return None
        self._text += b"\n" + continuation
        return Progress.CONTINUED

    def _continuation(self, content: bytes) -> bytes | None:
        """The line as a part of the held text alert: its value had a line break."""
        if self._text_prefix is Prefix.SYSLOG:
            return None  # syslog writes one line, and the next may be another program's
        text = content if self._text_prefix is None else cut_same_prefix(content, self._text_prefix)
        if text is None or is_falcos_log(text) or len(self._text) + len(text) >= _MAX_CONTINUED_BYTES:
            return None
        return text
