"""What is wrong with the URL of a service, and what to write instead. No text contains a part that may be secret."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from bridge.channels.apprise.mail_url import mail_problem, refused_mail
from bridge.common.suggest import did_you_mean
from bridge.delivery.service_limits import service_of

_WEBHOOK_SCHEMES = {"http": "webhook", "https": "webhooks"}
_MAIL = "for e-mail, write mailto:// or mailtos://"
_HEC = "for Splunk's HTTP Event Collector, write splunkhec:// or splunkhecs://"
_LISTS = "docs/channels.md lists the native schemes, https://appriseit.com/services/ those of Apprise"
_USUAL_NAMES = {
    "smtp": _MAIL,
    "smtps": _MAIL,
    "email": _MAIL,
    "mail": _MAIL,
    "teams": "paste the https:// URL of the Teams workflow",
    "telegram": "for Telegram, write tgram://",
    "mattermost": "for Mattermost, write mmosts://",
    "googlechat": "paste the https:// URL of the Google Chat webhook",
    "hec": _HEC,
    "splunk-hec": _HEC,
}
"""Names by which people look for a service whose scheme is another one."""
_REMOTE_SYSLOG = {"syslog": "for a server, write syslog+tls://HOST, syslog+tcp://HOST or syslog+udp://HOST"}
_MAIL_PLUGIN = "NotifyEmail"
_WORKFLOWS = ("workflow", "workflows")
_TRIGGER = "/triggers/manual/paths/invoke"
_POWER_PLATFORM = "powerplatform"
_PASTED = re.compile(r"[^:]+://https?://")
"""A URL behind another scheme. Some plugins read it; others take its scheme as a token."""
_AS_TOKEN = re.compile(r"https?%3A", re.IGNORECASE)


def with_native_scheme(url: str) -> str:
    """The URL of a Teams workflow as Microsoft gives it out, if it was pasted behind ``workflows://``."""
    scheme, separator, rest = url.partition("://")
    is_pasted = scheme.lower() in _WORKFLOWS and _TRIGGER in rest.partition("?")[0]
    return f"https{separator}{rest}" if is_pasted else url


def problem(url: str, plugin: Any, native: Collection[str]) -> str | None:
    """Why Apprise cannot use this URL, or would post to another address. ``plugin`` is Apprise's object for it."""
    if plugin is None:
        return _refused(url, native)
    if _PASTED.match(url) and _AS_TOKEN.search(plugin.url()):
        scheme = url.partition("://")[0]
        return f"has a URL after {scheme}://, which {scheme}:// takes as a token; paste the URL alone"
    if type(plugin).__name__ == _MAIL_PLUGIN:
        return mail_problem(url, plugin)
    return _workflow_problem(url, plugin) if type(plugin).__name__ == "NotifyWorkflows" else None


def _workflow_problem(url: str, plugin: Any) -> str | None:
    paste = "paste the whole https:// URL of the workflow"
    split = urlsplit(url)
    if split.scheme.lower() not in _WORKFLOWS:
        is_known = split.path.rstrip("/") == _path(plugin)
        return None if is_known else f"is not a known form of a Teams workflow's URL; {paste}"
    if _POWER_PLATFORM in (split.hostname or "") and not plugin.power_automate:
        return f"has a short form that does not lead to a workflow on this host; {paste}"
    return None


def _path(plugin: Any) -> str:
    """The path that the plugin posts to."""
    prefix = "/powerautomate/automations/direct" if plugin.power_automate else ""
    route = f"/cu/{plugin.routing_id}" if prefix and plugin.routing_id else ""
    return f"{prefix}{route}/workflows/{plugin.workflow}{_TRIGGER}"


def _refused(url: str, native: Collection[str]) -> str:
    from apprise.manager_plugins import NotificationManager

    manager: Any = NotificationManager
    plugins = manager()
    scheme = url.partition("://")[0]
    name = scheme.lower()
    if name in _REMOTE_SYSLOG:
        return f"is not a valid {scheme}:// URL, which is the syslog of this machine; {_REMOTE_SYSLOG[name]}"
    if name in plugins.schemas():
        plugin = plugins[name]
        if plugin.__name__ == _MAIL_PLUGIN:
            return refused_mail(scheme)
        form = plugin.templates[0].replace("{schema}", scheme)
        return f"is not a valid {scheme}:// URL; its form is {form}, see {plugin.setup_url}"
    if (service := service_of(url)) != name:
        plugin = plugins[service]
        return f"is not a complete URL of {plugin.service_name}; paste the whole URL, see {plugin.setup_url}"
    if name in _WEBHOOK_SCHEMES:
        return f"has the unknown scheme {scheme}://; to post alerts as JSON, write {_WEBHOOK_SCHEMES[name]}://"
    known = {*plugins.schemas(), *native}
    service = name.partition("+")[0]
    hint = _USUAL_NAMES.get(service) or _over_tls(name, known) or did_you_mean(scheme, known) or _LISTS
    return f"has the unknown scheme {scheme}://; {hint}"


def _over_tls(name: str, known: Collection[str]) -> str:
    """How a scheme such as loki+https is written here; empty for others."""
    service, _, transport = name.partition("+")
    written = f"{service}s" if transport == "https" else service
    return f"write {written}://" if transport in {"http", "https"} and written in known else ""
