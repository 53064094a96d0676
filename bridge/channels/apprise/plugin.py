"""Creates the Apprise plugin of a URL, without Apprise's own retries and pauses."""

from __future__ import annotations

import sys
from typing import Any

from bridge.common.files.trust import proxy


def make_plugin(url: str) -> Any:
    """Apprise's plugin object for a URL, or None if Apprise cannot use the URL."""
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
        plugin.retry = 0  # The courier retries. ``len(plugin)`` also counts retries.
        # The plugin would sleep in the worker thread. The courier applies the channel's rate.
        setattr(plugin, "throttle", lambda *_args, **_kwargs: None)  # noqa: B010  # a method
        if type(plugin).__name__ == "NotifyWebexTeams":
            # The plugin adds a second slash, which is not in the URL that Webex gives out.
            setattr(plugin, "notify_url", getattr(plugin, "notify_url", "").rstrip("/"))  # noqa: B010  # only this one
        if type(plugin).__name__ == "NotifyOpsgenie" and getattr(plugin, "action", "") == "map":
            # The default mapping sends nothing for some severities, and reports success.
            setattr(plugin, "action", "new")  # noqa: B010  # only this plugin has it
    return plugin


def is_mail(plugin: Any) -> bool:
    """Whether the bridge sends this plugin's e-mail itself. Apprise sends those that PGP signs or encrypts."""
    uses_pgp = getattr(plugin, "use_pgp", False) or getattr(plugin, "pgp_mode", "no") != "no"
    return type(plugin).__name__ == "NotifyEmail" and not uses_pgp


def uses_http(plugin: Any) -> bool:
    """Whether the plugin posts with ``requests``, as nearly all do. Syslog, MQTT and others do not."""
    return hasattr(sys.modules[type(plugin).__module__], "requests")


def address_of_plugin(plugin: Any) -> tuple[str, int] | None:
    """Host and port that the plugin connects to; None where they are not known, or behind a proxy.

    Where any form of the plugin's URL has no host, the host may be a token, which must not be looked up in DNS.
    """
    if type(plugin).__name__ == "NotifyEmail":
        return (str(plugin.smtp_host), int(plugin.port)) if plugin.smtp_host and plugin.port else None
    host, secure, forms = (
        getattr(plugin, "host", ""),
        getattr(plugin, "secure", False),
        getattr(plugin, "templates", ()),
    )
    if not host or not all("{host}" in form for form in forms):
        return None
    port = int(getattr(plugin, "port", 0) or (443 if secure else 80))
    return None if proxy(f"{'https' if secure else 'http'}://{host}:{port}/") else (str(host), port)
