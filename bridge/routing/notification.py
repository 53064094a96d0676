"""One message for one channel, as the router asks for it."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from bridge.alert import Priority
from bridge.language.program.link import Link


class NotificationKind(StrEnum):
    """What a notification is about."""

    SINGLE = "single"
    """One alert."""
    DIGEST = "digest"
    """The alerts of a group."""
    SUMMARY = "summary"
    """Alerts that a throttle held back."""
    ESCALATION = "escalation"
    """An incident that was not acknowledged in time."""
    ABSENT = "absent"
    """A key that fell silent: the alert is its last one."""
    ACKNOWLEDGED = "acknowledged"
    """An incident that a person acknowledged."""
    RESOLVED = "resolved"
    """An incident that ended."""

    @classmethod
    def _missing_(cls, _value: object) -> NotificationKind:
        """A kind of a newer version, which a bridge of the same fleet has stored: the message is about its alert."""
        return cls.SINGLE


_SHOWING_OTHERS = frozenset({NotificationKind.DIGEST, NotificationKind.SINGLE})
"""A digest shows the alerts of its group, a single one the steps of its sequence and what was joined."""


class NotificationContext(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What clauses with memory know about a notification."""

    kind: NotificationKind = NotificationKind.SINGLE
    count: int = 1
    """How many alerts it stands for."""
    suppressed: int = 0
    """How many alerts the throttle held back before it."""
    first_ns: int = 0
    last_ns: int = 0
    """Event times of the first and the last alert that it stands for."""
    values: dict[str, str] = {}  # msgspec copies the default
    """Fields of other alerts that its texts name: ``2.proc.cmdline``, ``NAME.ka.user.name``; redacted."""
    alerts: tuple[str, ...] = ()
    """The ids of all alerts that it names, if there are several."""
    incident: str = ""
    """The id of its incident."""
    key: str = ""
    """The incident's key as people read it: ``payments/api-0``."""
    own_severities: bool = False
    """Whether each alert of a digest has the severity of its own priority: the route has none."""
    silent: bool = False
    """Whether what it is about, or each alert of a digest, is the last one of a key that fell silent."""
    not_followed_ns: int = 0
    """For how long the step that ``then not`` names did not come after the alert; 0 without ``then not``."""

    @property
    def shown_alerts(self) -> tuple[str, ...]:
        """The ids of the alerts that its message shows besides the one that it is about."""
        return self.alerts if self.kind in _SHOWING_OTHERS else ()

    @property
    def held_back(self) -> int:
        """How many alerts were held back that ``count`` does not contain: a summary stands for them itself."""
        return 0 if self.kind is NotificationKind.SUMMARY else self.suppressed


class Notification(msgspec.Struct, frozen=True, gc=False):
    """One message for one channel. Texts are templates, which the channel renders with its own escaping."""

    channel: str
    routes: tuple[str, ...]
    """The names of all routes that notify this channel, in file order. The text is the first route's."""
    severity: Priority
    """The highest severity of those routes. A route without one has the alert's priority."""
    title: str | None = None
    """Template source, or None for the default title."""
    message: str | None = None
    """Template source, or None for the default message."""
    about: str | None = None
    """The id of the alert that it is about; None for the alert that caused it."""
    context: NotificationContext | None = None
    """None if no clause with memory has a part in it."""
    fields: tuple[str, ...] = ()
    """The rows of the message, in order: the first route's. Empty for the default."""
    links: tuple[Link, ...] = ()
    """The links of all routes."""
    ordered: bool = False
    """Whether its channel gets the notifications of each route in order. The journal stores only the order key."""
