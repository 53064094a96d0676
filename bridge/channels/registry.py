"""From a channel's URL to the channel."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bridge.channels.address import parse_address
from bridge.channels.contract import Channel
from bridge.channels.errors import ChannelError

_FILE = "file://"
NATIVE = frozenset({"console", "file", "webhook", "webhooks", "loki", "lokis", "alertmanager", "alertmanagers"})
"""The schemes of our own channels; every other one is Apprise's."""
PARAMETERS = frozenset({"format", "batch", "secret", "cafile", "tenant", "hold", "generator"})
"""Every parameter that one of them has."""


def open_channel(name: str, url: str, labels: Mapping[str, str]) -> Channel:
    """The channel of that URL. Raises ChannelError."""
    scheme, separator, _ = url.partition("://")
    if not separator:
        raise ChannelError("is no URL; write SCHEME://…, for example slack://TOKEN_A/TOKEN_B/TOKEN_C")
    match scheme.lower():
        case "console":
            from bridge.channels.console_channel import ConsoleChannel

            return ConsoleChannel(name, labels)
        case "file":
            from bridge.channels.file_channel import FileChannel

            return FileChannel(name, _file_path(url), labels)
        case "webhook" | "webhooks":
            from bridge.channels import webhook_channel

            return webhook_channel.WebhookChannel(name, parse_address(url, webhook_channel.PARAMETERS), labels)
        case "loki" | "lokis":
            from bridge.channels import loki_channel

            return loki_channel.LokiChannel(name, parse_address(url, loki_channel.PARAMETERS), labels)
        case "alertmanager" | "alertmanagers":
            from bridge.channels import alertmanager_channel

            address = parse_address(url, alertmanager_channel.PARAMETERS)
            return alertmanager_channel.AlertmanagerChannel(name, address, labels)
        case _:
            return _apprise_channel(name, url, scheme, labels)


def _apprise_channel(name: str, url: str, scheme: str, labels: Mapping[str, str]) -> Channel:
    from bridge.channels.apprise_channel import AppriseChannel, is_mail, make_plugin

    plugin = make_plugin(url)
    if plugin is None:
        raise ChannelError(_why_not(scheme))
    if is_mail(plugin):
        from bridge.channels.mail_channel import MailChannel

        return MailChannel(name, url, plugin, labels)
    return AppriseChannel(name, url, plugin, labels)


def problem_with(url: str) -> str | None:
    """Why this URL makes no channel, or None. Never holds the URL."""
    try:
        open_channel("", url, {}).close()
    except ChannelError as error:
        return str(error)
    return None


def _file_path(url: str) -> Path:
    path = url.removeprefix(_FILE)
    if not path or path.endswith("/"):
        raise ChannelError("names no file; write file://NAME.jsonl or file:///var/lib/NAME.jsonl")
    return Path(path)


def _why_not(scheme: str) -> str:

    from apprise.manager_plugins import NotificationManager

    manager: Any = NotificationManager
    known = set(manager().schemas())
    if scheme.lower() in known:
        return (
            f"is a {scheme}:// URL that Apprise cannot use: a part is missing or malformed (see Apprise's page on it)"
        )
    from bridge.language.suggest import did_you_mean

    hint = did_you_mean(scheme, known | NATIVE)
    return f"has the unknown scheme {scheme}://" + (f"; {hint}" if hint else "")
