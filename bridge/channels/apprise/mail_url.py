"""What is wrong with a ``mailto://`` URL that Apprise accepts: it drops addresses that it does not know as such."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

_FORM = "write mailtos://USER:PASSWORD@HOST?from=ADDRESS&to=ADDRESS"
_ADDRESS = re.compile(r"[^\s,;<>]+@[^\s,;<>]*")
_FULL = "write full addresses, such as secops@example.com, with commas between them"


def refused_mail(scheme: str) -> str:
    """Why Apprise refuses a URL of e-mail: it has no user and no domain from which the sender could be made."""
    return f"is not a complete {scheme}:// URL; {_FORM}"


def mail_problem(url: str, plugin: Any) -> str | None:
    """Why some recipient would get no e-mail, or the server no login. No text contains a part of the URL."""
    if not plugin.targets:
        return f"has no recipient; {_FULL}"
    query = parse_qs(urlsplit(url).query.replace("+", "%2B"))
    known = {"to": {address for _, address in plugin.targets}, "cc": set(plugin.cc), "bcc": set(plugin.bcc)}
    for name, addresses in known.items():
        written = {each.lower() for value in query.get(name, ()) for each in _ADDRESS.findall(value)}
        if written - {address.lower() for address in addresses}:
            return f"has an address in `{name}` that would get no e-mail; {_FULL}"
    if plugin.user and plugin.password == "":
        return f"has an empty password; {_FORM}"
    if plugin.user and not plugin.password and _is_mailbox(url, plugin) and "smtp" not in query:
        return "has no password, which this provider requires; write mailtos://USER:PASSWORD@HOST"
    return None


def _is_mailbox(url: str, plugin: Any) -> bool:
    """Whether the URL names a provider whose server Apprise knows, such as gmail.com. All of them require a login."""
    host = urlsplit(url).hostname or ""
    return bool(host) and str(plugin.smtp_host).lower() != host.lower()
