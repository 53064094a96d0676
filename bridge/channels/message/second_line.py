"""The second line of a message: where something happened, who it was, and what was done. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bridge.alert import Alert
from bridge.alert.alert import INTERNAL_SOURCE
from bridge.common.text import isolated, one_line

PART = 160
"""Maximum length of each part: where, who and what."""
SEPARATOR = " · "
_NAME = 100
_MAX_ERROR = 40

_WHERE_FIELDS = (
    ("k8s.ns.name", "k8s.pod.name"),
    ("ka.target.namespace", "ka.target.resource", "ka.target.name"),
    ("container.name",),
    ("container.image.repository",),
    ("container.id",),
    ("ct.region",),
    ("gcp.projectId",),
    ("github.repo.name",),
    ("github.repo",),
    ("okta.org",),
)
WHO_FIELDS = (
    "cmd.who",
    "user.name",
    "ka.user.name",
    "ct.user",
    "gcp.user",
    "okta.actor.alternateid",
    "okta.actor.name",
    "github.user",
)
_ACTION_FIELDS = (
    "cmd.text",
    "proc.cmdline",
    "proc.name",
    "ka.verb",
    "ct.name",
    "gcp.methodName",
    "okta.evt.type",
    "github.type",
    "evt.type",
    "bridge.reason",
)
_NODE_SOURCES = frozenset(("syscall", "terminal", INTERNAL_SOURCE, ""))
"""Alert sources that see a node. The host name in alerts of others is only that of their Falco."""
_UNSET_UID = "4294967295"
_FAILED_RESPONSE = re.compile("[45][0-9][0-9]")
_RUNNING = frozenset({"exec", "attach", "portforward", "ephemeralcontainers"})
_NO_CONTAINER = "host"
"""Falco's container name and id for a process outside of containers. The host name is shown anyway."""


def where_of(alert: Alert, labels: Mapping[str, str]) -> str:
    """Where it happened, without the parts that are unknown: ``eu-1 · payments/api-0 on node-3``."""
    places = ("/".join(filter(None, (_value(alert, name) for name in names))) for names in _WHERE_FIELDS)
    place = next(filter(None, places), "")
    host = "" if place and alert.source not in _NODE_SOURCES else _short_host(alert.hostname.strip())
    parts = (one_line(part, PART) for part in (place, host) if part)
    return joined(cluster_of(labels), " on ".join(map(isolated, parts)))


def who_of(alert: Alert) -> str:
    """Who it was: a user of a system, of Kubernetes or of a cloud, or ``uid 1001``; empty if that is unknown."""
    uid = _value(alert, "user.uid")
    return _first(alert, WHO_FIELDS) or (one_line(f"uid {uid}", PART) if uid and uid != _UNSET_UID else "")


def action_of(alert: Alert) -> str:
    """What was done: a command line; the request to Kubernetes or AWS: ``exec bash``, ``GetObject from 10.0.0.9``.

    Of a request that failed the status or the error is shown: ``get secrets (failed: 403)``.
    """
    if alert.source == "k8s_audit":
        code = _value(alert, "ka.response.code")
        return _with_failure(_kubernetes_action(alert), code if _FAILED_RESPONSE.fullmatch(code) else "")
    action = action_field(alert)
    if not action or action != _value(alert, "ct.name"):
        return action
    address = _value(alert, "ct.srcip")
    return _with_failure(f"{action} from {address}" if address else action, _value(alert, "ct.error"))


def _with_failure(action: str, why: str) -> str:
    failure = f" (failed: {one_line(why, _MAX_ERROR)})" if why and action else ""
    return one_line(action, PART - len(failure)) + failure


def action_field(alert: Alert) -> str:
    """The first field that says what was done. Alerts with the same one are alike."""
    return _first(alert, _ACTION_FIELDS)


def deed_of(alert: Alert) -> str:
    """Who did what, as in the second line of a message: ``root: rm -rf /data``; empty if neither is known."""
    return ": ".join(isolated(part) for part in (who_of(alert), action_of(alert)) if part)


def cluster_of(labels: Mapping[str, str]) -> str:
    """The label ``cluster``; empty if there is none."""
    return one_line(labels.get("cluster", "").strip(), _NAME)


def joined(*parts: str) -> str:
    """The parts that are not empty, as the line shows them."""
    return SEPARATOR.join(part for part in parts if part)


def _short_host(name: str) -> str:
    """A host name without its domain; an address as it is."""
    first, dot, _ = name.partition(".")
    return first if dot and first and not first.isdigit() else name


def _kubernetes_action(alert: Alert) -> str:
    """A subresource that runs something is the action; otherwise the verb and what it acts on."""
    subresource = _value(alert, "ka.target.subresource")
    if subresource in _RUNNING:
        return " ".join(part for part in (subresource, _value(alert, "ka.uri.param[command]")) if part)
    resource = "/".join(part for part in (_value(alert, "ka.target.resource"), subresource) if part)
    return " ".join(part for part in (_value(alert, "ka.verb"), resource) if part)


def _first(alert: Alert, names: tuple[str, ...]) -> str:
    return one_line(next((value for name in names if (value := _value(alert, name))), ""), PART)


def _value(alert: Alert, name: str) -> str:
    """The value of a field; empty if it is blank or says that there is no container."""
    value = (alert.get(name) or "").strip()
    return "" if value == _NO_CONTAINER and name.startswith("container.") else value
