"""Lines into the alerts of a batch, whatever wrote them: Falco's JSON or text, a container runtime around it. Pure."""

from __future__ import annotations

from bridge.alert.container_log import Unwrapper
from bridge.alert.malformed import Malformed
from bridge.sources.contract import Batch, Refusal
from bridge.sources.lines import Line
from bridge.sources.payload import Payload, decode_one

_BLANK = b" \t\r\n"


class LineBatch:
    """Gathers what lines bring until it is handed over."""

    def __init__(self) -> None:
        self._unwrapper = Unwrapper()
        self._payload = Payload()

    @property
    def size(self) -> int:
        """How many alerts and refusals have been gathered."""
        return len(self._payload.alerts) + len(self._payload.refused)

    @property
    def amid_a_line(self) -> bool:
        """Whether a container's line has begun whose end is still to come."""
        return self._unwrapper.pending

    def take(self, line: Line, received_ns: int) -> None:
        """One line. What does not look like an alert is Falco's chatter, and is left out."""
        if line.too_long:
            self._payload.refused.append(Refusal("is longer than 8 MiB", line.content))
            return
        content = self._unwrapper.feed(line.content)
        if content is None or not content.strip(_BLANK):
            return
        found = decode_one(content, received_ns)
        if not isinstance(found, Malformed):
            self._payload.alerts.append(found)
        elif content.lstrip(_BLANK)[:1] == b"{":
            self._payload.refused.append(Refusal(found.reason, content))

    def hand_over(self, source: str, received_ns: int, checkpoint: str | None = None) -> Batch:
        """What was gathered, as a batch; begins anew."""
        payload, self._payload = self._payload, Payload()
        return Batch(source, received_ns, tuple(payload.alerts), tuple(payload.refused), checkpoint)
