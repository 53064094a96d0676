"""Any URL of Apprise as a channel: one object, our sessions, no sleeping between sends, text escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bridge.alert import Priority
from bridge.channels.contract import Outcome, Verdict
from bridge.channels.message import compose, compose_digest
from bridge.channels.probe import listen
from bridge.channels.redact import redacted, secrets_in
from bridge.channels.sanitise import unmentioned
from bridge.channels.verdict import judge
from bridge.journal.model import Delivery

_MENTIONING = frozenset({"discord", "mmost", "mmosts", "rocket", "rockets", "matrix", "matrixs", "zulip", "guilded"})
"""Services in which an at sign in plain text calls people."""


def make_plugin(url: str) -> Any:
    """Apprise's object for a URL, or None where it cannot use it."""
    import apprise

    asset = apprise.AppriseAsset(
        app_id="Falco", app_desc="falco-bridge", storage_mode="memory", secure_logging=True, interpret_escapes=False
    )
    asset.http_redirects = False
    plugin = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    if plugin is not None:
        plugin.request_rate_per_sec = 0
        if url.lower().startswith("opsgenie://") and getattr(plugin, "action", "") == "map":
            # Its own mapping drops notices without a call, and calls that a success.
            setattr(plugin, "action", "new")  # noqa: B010  # only this plugin has it
    return plugin


class AppriseChannel:
    """One Apprise URL."""

    together = 1
    most_in_a_digest = 10

    def __init__(self, name: str, url: str, plugin: Any, labels: Mapping[str, str]) -> None:
        self.name = name
        self._plugin = plugin
        self._labels = labels
        self._secrets = secrets_in(url)
        self._mentions = url.partition(":")[0].lower() in _MENTIONING

    def send(self, deliveries: Sequence[Delivery]) -> Outcome:
        """Send one message; whatever the plugin does, an outcome comes back."""
        one = len(deliveries) == 1
        message = compose(deliveries[0], self._labels) if one else compose_digest(deliveries, self._labels)
        subject, body = message.subject, message.body
        if self._mentions:
            subject, body = unmentioned(subject), unmentioned(body)
        heard = listen()
        try:
            succeeded = self._plugin.notify(
                body=body, title=subject, notify_type=_type(deliveries), body_format="text", overflow="truncate"
            )
        except Exception as error:  # noqa: BLE001  # a plugin may raise anything, and the courier must go on
            return Outcome(Verdict.RETRY, None, f"its plugin failed ({type(error).__name__})")
        outcome = judge(heard, succeeded=bool(succeeded))
        reason = redacted(outcome.reason, self._secrets)
        return Outcome(outcome.verdict, outcome.status, reason, outcome.retry_after)

    def close(self) -> None:
        """The thread's session ends with its thread."""


def _type(deliveries: Sequence[Delivery]) -> Any:
    """Apprise's own word for how bad it is; some plugins take nothing but its enum."""
    from apprise import NotifyType

    severity = min(each.notification.severity for each in deliveries)
    if severity.at_least(Priority.ERROR):
        return NotifyType.FAILURE
    return NotifyType.WARNING if severity.at_least(Priority.WARNING) else NotifyType.INFO
