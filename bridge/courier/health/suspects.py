"""Decides whether an unexplained refusal is the fault of the message or of the channel.

A service often refuses a message without saying why: a plain 400 or 403. Then either this message is at fault, or the
channel refuses every message. A test message would tell, but people would read it, so other deliveries are the test:

1. A refused delivery is a *suspect*. It stays pending and is released from its order key, so that the next one is sent.
2. If the channel refuses that one too, the circuit opens. Every delivery waits; each probe is one that was not refused
   yet, as long as there is one, so no number of invalid messages blocks a channel for ever.
3. Once the channel accepts another message, every suspect is sent again at once. If it is refused again, the message is
   at fault: it becomes a dead letter. Otherwise the channel was at fault, and has been fixed.

The evidence of step 3 is void if any other delivery fails before the suspect is sent again. An invalid message cannot
be distinguished from a fault that begins just in that moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bridge.delivery import Delivery, Outcome, Verdict


class Suspects:
    """The suspects of one channel. They are in memory only: after a restart, a refusal makes them suspects again."""

    def __init__(self) -> None:
        self._suspects: dict[int, bool] = {}
        """By id: whether the channel has accepted another message since the refusal, and nothing has failed since."""
        self._conclusive: set[int] = set()
        """Deliveries in flight; another refusal of one of them is conclusive."""

    @property
    def have_evidence(self) -> bool:
        """Whether a suspect is to be sent again now, because the channel has accepted another message."""
        return any(self._suspects.values())

    def start(self, send: Sequence[Delivery]) -> None:
        """These deliveries are being sent."""
        if len(send) == 1 and self._suspects.get(send[0].id, False):
            self._conclusive.add(send[0].id)

    def take_back(self, send: Sequence[Delivery]) -> None:
        """These deliveries are not sent after all."""
        self._conclusive.discard(send[0].id)

    def end(self, send: Sequence[Delivery], outcome: Outcome) -> Outcome:
        """The outcome of the send, with a verdict: a conclusive refusal is a rejection of the message."""
        first, verdict = send[0].id, outcome.verdict
        is_conclusive, was_suspect = first in self._conclusive, first in self._suspects
        self._conclusive.discard(first)
        for each in send:
            self._suspects.pop(each.id, None)
        if verdict is Verdict.AMBIGUOUS and is_conclusive:
            reason = f"{outcome.reason} (refused again after the channel had accepted another message)"
            return replace(outcome, verdict=Verdict.REJECTED, reason=reason)
        if verdict is Verdict.DELIVERED:
            self._suspects = dict.fromkeys(self._suspects, True)
        elif verdict is not Verdict.REJECTED:
            if verdict is not Verdict.AMBIGUOUS or not was_suspect:  # new evidence that the channel fails
                self._suspects = dict.fromkeys(self._suspects, False)
            if len(send) == 1 and (was_suspect or verdict is Verdict.AMBIGUOUS):
                self._suspects[first] = False
        return outcome

    def clear(self) -> None:
        """Start over: the next refusal of each is a first one."""
        self._suspects.clear()
        self._conclusive.clear()
