"""Any URL of Apprise as a channel: an object a target, our sessions, our messages, no sleeping between sends."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bridge.alert import Priority
from bridge.channels.apprise.families import family_of
from bridge.channels.apprise.intercept import STAND_IN, Response, listen
from bridge.channels.apprise.targets import Targets, apart
from bridge.channels.contract import Outcome, Verdict
from bridge.channels.message.compose import message_of
from bridge.channels.message.message import Message
from bridge.channels.render import plain
from bridge.channels.verdict import Accepted, judge
from bridge.common.masking import redacted, redacted_bytes, secrets_in
from bridge.common.text import shortened, unisolated, unmentioned
from bridge.delivery.delivery import Delivery

_MACHINES = frozenset(
    ("json", "jsons", "xml", "xmls", "form", "forms", "syslog", "rsyslog", "mqtt", "mqtts", "sns", "amqp", "amqps",
     "kafka", "redis", "rediss", "splunk", "victorops", "growl", "dbus", "glib", "gnome", "windows", "macosx")
)  # fmt: skip
"""Services that hand text on as it is: what is a mention elsewhere is data there."""
_ALERT_ROOM = 100
"""Characters that a digest of the plain form needs for an alert."""
_ROOMIEST = 20_000
_MOST_BYTES = {"NotifyNtfy": 4096}
"""Services that count JSON's bytes: of more, ntfy makes a file, which nobody opens at night (docs.ntfy.sh)."""


def make_plugin(url: str) -> Any:
    """Apprise's object for a URL, or None where it cannot use it."""
    import apprise

    asset = apprise.AppriseAsset(
        app_id="Falco",
        app_desc="falco-bridge",
        storage_mode="memory",
        secure_logging=True,
        interpret_escapes=False,
        image_url_mask="",
        image_url_logo="",
    )
    asset.http_redirects = False
    plugin = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    if plugin is not None:
        plugin.retry = 0  # the courier's to do; and so that ``len`` counts targets
        # It would sleep in our worker, for the service's sake; the courier keeps each channel's rate.
        setattr(plugin, "throttle", lambda *_args, **_kwargs: None)  # noqa: B010  # a method of it
        if type(plugin).__name__ == "NotifyOpsgenie" and getattr(plugin, "action", "") == "map":
            # Its own mapping drops notices without a call, and calls that a success.
            setattr(plugin, "action", "new")  # noqa: B010  # only this plugin has it
    return plugin


def is_mail(plugin: Any) -> bool:
    """Whether it writes letters itself, by SMTP; those that are signed or sealed with PGP are left to Apprise."""
    sealed = getattr(plugin, "use_pgp", False) or getattr(plugin, "pgp_mode", "no") != "no"
    return type(plugin).__name__ == "NotifyEmail" and not sealed


class AppriseChannel:
    """One Apprise URL."""

    batch_size = 1

    def __init__(self, name: str, url: str, plugin: Any, labels: Mapping[str, str]) -> None:
        self.name = name
        self._plugin = plugin
        self._targets = Targets(apart(plugin))
        self._labels = labels
        self._secrets = secrets_in(url)
        self._machine = url.partition(":")[0].lower() in _MACHINES
        self._family = family_of(plugin)
        self._bytes = type(plugin).__name__ in _MOST_BYTES
        self._room = _MOST_BYTES.get(type(plugin).__name__, min(int(plugin.body_maxlen), _ROOMIEST))
        plain_most = max(self._room // _ALERT_ROOM, 1)
        self.digest_limit = plain_most if self._family is None else self._family.digest_limit

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Send each target one message; whatever the plugin does, an outcome comes back."""
        return self._targets.send(deliveries, self._send_to)

    def close(self) -> None:
        """The thread's session ends with its thread."""

    def _send_to(self, target: Any, deliveries: Sequence[Delivery]) -> Outcome:
        message = message_of(deliveries, self._labels)
        try:
            return self._in_its_form(target, message) or self._in_plain(target, message)
        except Exception as error:  # noqa: BLE001  # a plugin may raise anything, and the courier must go on
            return Outcome(Verdict.RETRY, None, f"its plugin failed ({type(error).__name__})")

    def _in_its_form(self, target: Any, message: Message) -> Outcome | None:
        """Our own message in place of a stand-in; None where the service has no form, or gets its posts otherwise."""
        family = self._family
        if family is None:
            return None
        heard = listen(lambda asked: family.render(asked, message))
        succeeded = _notify(target, message.severity, "", STAND_IN)
        if succeeded and not heard.dressings:  # a later Apprise that posts by a road that we do not watch
            return None
        return self._outcome(heard, succeeded=succeeded, accepted=family.accepted)

    def _in_plain(self, target: Any, message: Message) -> Outcome:
        heard = listen()
        return self._outcome(heard, succeeded=_notify(target, message.severity, *self._plain(message)))

    def _plain(self, message: Message) -> tuple[str, str]:
        """Title and body within what the service takes, joiners counted in."""
        apart = int(self._plugin.title_maxlen)
        title = self._harmless(shortened(message.subject, apart or self._room // 2))
        room = self._room
        while True:
            body = self._harmless(plain.body(message, room))
            size = self._size(body if apart else f"{title}\r\n{body}")
            if size <= self._room or room == 0:
                return title, body
            room = room * self._room // size

    def _harmless(self, text: str) -> str:
        return unisolated(text) if self._machine else unmentioned(text)

    def _size(self, text: str) -> int:
        return len(json.dumps(text)) if self._bytes else len(text)

    def _outcome(self, heard: Response, *, succeeded: bool, accepted: Accepted | None = None) -> Outcome:
        heard.body = redacted_bytes(heard.body, self._secrets)
        outcome = judge(heard, succeeded=succeeded, accepted=accepted)
        return replace(outcome, reason=redacted(outcome.reason, self._secrets))


def _notify(plugin: Any, severity: Priority, title: str, body: str) -> bool:
    kind = _type(severity)
    return bool(plugin.notify(body=body, title=title, notify_type=kind, body_format="text", overflow="truncate"))


def _type(severity: Priority) -> Any:
    """Apprise's own word for how bad it is; some plugins take nothing but its enum."""
    from apprise import NotifyType

    if severity.at_least(Priority.ERROR):
        return NotifyType.FAILURE
    return NotifyType.WARNING if severity.at_least(Priority.WARNING) else NotifyType.INFO
