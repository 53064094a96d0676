"""A channel for any Apprise URL: one plugin object per target, with our connections and our messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bridge.alert import Priority
from bridge.channels.apprise.intercept import PLACEHOLDER, start_interception
from bridge.channels.apprise.known_services import known_service
from bridge.channels.apprise.plugin import address_of_plugin
from bridge.channels.apprise.sessions import using
from bridge.channels.apprise.targets import Targets, split_targets
from bridge.channels.apprise.telegram import follow_migration
from bridge.channels.channel_tls import ChannelTls
from bridge.channels.classify import IsSuccess, classify
from bridge.channels.contract import Outcome, Verdict
from bridge.channels.message.compose import message_of
from bridge.channels.message.message import Message
from bridge.channels.render import plain
from bridge.channels.response import Response
from bridge.common.masking import redacted, redacted_bytes, secrets_in
from bridge.common.text import escape_mentions, shortened, without_isolates
from bridge.delivery.delivery import Delivery
from bridge.delivery.service_limits import MACHINES, service_of

_WITHOUT_MENTIONS = (MACHINES - {"apprise", "apprises"}) | {
    "dbus", "glib", "gnome", "growl", "kafka", "macosx", "redis", "rediss", "sns", "splunk", "victorops", "windows",
}  # fmt: skip
"""Schemes of services without mentions: they get the text unescaped. ``apprise://`` forwards to other services."""
_ROOM_PER_ALERT = 100
"""Characters per alert in a digest of the plain text form."""
_MAX_ROOM = 20_000


class AppriseChannel:
    """The channel of one Apprise URL."""

    batch_size = 1

    def __init__(
        self, name: str, url: str, plugin: Any, labels: Mapping[str, str], tls: ChannelTls | None = None
    ) -> None:
        self.name = name
        self._plugin = plugin
        self._tls = tls
        self.address = address_of_plugin(plugin)
        self._targets = Targets(split_targets(plugin))
        self._labels = labels
        self._secrets = secrets_in(url)
        self._escapes_mentions = service_of(url) not in _WITHOUT_MENTIONS
        self._service = known_service(plugin)
        self._room = min(int(plugin.body_maxlen), _MAX_ROOM)
        plain_limit = max(self._room // _ROOM_PER_ALERT, 1)
        self.digest_limit = plain_limit if self._service is None else self._service.digest_limit

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Send one message to each target. Exceptions of a plugin become an outcome."""
        return self._targets.send(deliveries, self._send_to)

    def close(self) -> None:
        """Nothing to close: a session belongs to its thread."""

    def _send_to(self, target: Any, deliveries: Sequence[Delivery]) -> Outcome:
        message = message_of(deliveries, self._labels)
        try:
            with using(self._tls):
                outcome, response = self._send_message(target, message)
                moved = follow_migration(target, response, self.name)
                return self._send_message(target, message)[0] if moved else outcome
        except Exception as error:  # noqa: BLE001  # a plugin may raise anything
            return Outcome(Verdict.RETRY, None, f"the Apprise plugin failed ({type(error).__name__})")

    def _send_message(self, target: Any, message: Message) -> tuple[Outcome, Response]:
        return self._send_rendered(target, message) or self._send_plain(target, message)

    def _send_rendered(self, target: Any, message: Message) -> tuple[Outcome, Response] | None:
        """Send the service's own form; None if there is none, or if the plugin's request was not intercepted."""
        service = self._service
        if service is None:
            return None
        interception = start_interception(
            lambda requested: service.render(requested, message), service.address(message)
        )
        succeeded = _notify(target, message.severity, "", PLACEHOLDER)
        if succeeded and not interception.rewritten_requests:  # a version of Apprise that posts without ``requests``
            return None
        return self._outcome(interception.response, succeeded=succeeded, is_success=service.is_success)

    def _send_plain(self, target: Any, message: Message) -> tuple[Outcome, Response]:
        interception = start_interception()
        succeeded = _notify(target, message.severity, *self._plain(message))
        return self._outcome(interception.response, succeeded=succeeded)

    def _plain(self, message: Message) -> tuple[str, str]:
        """Title and body within the service's limits after escaping."""
        title_room = int(self._plugin.title_maxlen)
        title = self._escape(shortened(message.subject, title_room or self._room // 2))
        room = self._room
        while True:
            body = self._escape(plain.body(message, room))
            size = len(body if title_room else f"{title}\r\n{body}")
            if size <= self._room or room == 0:
                return title, body
            room = room * self._room // size

    def _escape(self, text: str) -> str:
        return escape_mentions(text) if self._escapes_mentions else without_isolates(text)

    def _outcome(
        self, response: Response, *, succeeded: bool, is_success: IsSuccess | None = None
    ) -> tuple[Outcome, Response]:
        shown = replace(response, body=redacted_bytes(response.body, self._secrets))
        outcome = classify(shown, succeeded=succeeded, is_success=is_success)
        return replace(outcome, reason=redacted(outcome.reason, self._secrets)), response


def _notify(plugin: Any, severity: Priority, title: str, body: str) -> bool:
    kind = _notify_type(severity)
    return bool(plugin.notify(body=body, title=title, notify_type=kind, body_format="text", overflow="truncate"))


def _notify_type(severity: Priority) -> Any:
    """Apprise's value for a severity. Some plugins accept only the enum."""
    from apprise import NotifyType

    if severity.at_least(Priority.ERROR):
        return NotifyType.FAILURE
    return NotifyType.WARNING if severity.at_least(Priority.WARNING) else NotifyType.INFO
