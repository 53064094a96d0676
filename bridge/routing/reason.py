"""The reasons of decisions: a closed list, each with one sentence."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Reason(StrEnum):
    """The reason of a decision. The value is the word in the journal, metrics and docs; ``meaning`` explains it."""

    meaning: str
    """One sentence for people, without a period."""

    def __new__(cls, word: str, meaning: str) -> Self:
        """A member from its word and its sentence."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.meaning = meaning
        return member

    SENT = "sent", "the route sent the alert to its channels"
    DIGESTED = "digested", "the alert was sent as part of a digest"
    SUMMARISED = "summarised", "the alert was counted in a summary of throttled alerts"
    ESCALATED = "escalated", "the incident was not acknowledged in time and was escalated"
    DROPPED = "dropped", "the route says `drop`"
    STOPPED = "stopped", "an earlier route stopped or dropped the alert"
    THROTTLED = "throttled", "the route had sent as many notifications as its `throttle` allows"
    GROUPED = "grouped", "the alert waits in a group for the next digest"
    BELOW_THRESHOLD = "below_threshold", "the route had not yet matched as often as its `after` requires"
    NOT_NEW = "not_new", "the combination that `new` asks about had been seen before"
    LEARNING = "learning", "the route is still learning what is not new"
    SEQUENCE_OPEN = "sequence_open", "a sequence of `then` has started and waits for its next step"
    SEQUENCE_EXPIRED = "sequence_expired", "the next step of a sequence of `then` did not come in time"
    KEY_PRESENT = "key_present", "the key that `absent` watches was seen in time"
    SUPPRESSED_BY_UNLESS = "suppressed_by_unless", "an alert that meets the condition of `unless` was received"
    WAITING = "waiting", "the alert waits for another alert, as `with` or `unless` says"
    SILENCED = "silenced", "a silence matched the alert"
    OUTSIDE_SCHEDULE = "outside_schedule", "the schedule of the route did not hold"
    MERGED = "merged", "the channel received the alert through another route"
    ACKNOWLEDGED = "acknowledged", "the incident was acknowledged, so it was not escalated"
    RESOLVED = "resolved", "the incident was resolved"
    UNMATCHED = "unmatched", "no route matched, so `otherwise` applied"
    STATE_EVICTED = "state_evicted", "the state of the clause had been evicted, so the alert was let through"
    PENDING = "pending", "the owner of the memory of the route's key has not decided yet"
    FAILED = "failed", "the route failed because of an internal error of the bridge, which its log describes"
    UNKNOWN = "unknown", "a bridge of a newer version decided, for a reason that this version does not know"
