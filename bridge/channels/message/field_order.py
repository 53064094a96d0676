"""The order of a message's rows where the route has no ``fields``: what people read first, then the rest by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

_PLACE = ("k8s.ns.name", "k8s.pod.name", "container.name", "container.image.repository", "container.image.tag")
_FIRST: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "syscall": (
            "proc.cmdline", "proc.name", "proc.exepath", "proc.pname", "proc.pcmdline", "user.name", "user.loginname",
            "fd.name", *_PLACE, "evt.type",
        ),
        "k8s_audit": (
            "ka.user.name", "ka.verb", "ka.target.resource", "ka.target.subresource", "ka.target.name",
            "ka.target.namespace", "ka.response.code", "ka.sourceips", "ka.useragent",
        ),
        "terminal": (
            "cmd.text", "cmd.wrote", "cmd.ran", "cmd.hidden_keys", "cmd.aborted", "cmd.exit", "user.name", "cmd.who",
            *_PLACE, "cmd.confidence", "cmd.source", "cmd.session",
        ),
        "aws_cloudtrail": ("ct.user", "ct.name", "ct.src", "ct.region", "ct.srcip", "ct.error", "ct.useragent"),
        "gcp_auditlog": ("gcp.user", "gcp.methodName", "gcp.serviceName", "gcp.projectId", "gcp.callerIP"),
        "github": ("github.user", "github.type", "github.action", "github.repo", "github.org"),
        "okta": (
            "okta.actor.alternateid", "okta.actor.name", "okta.evt.type", "okta.client.ip",
            "okta.org",
        ),
    }
)  # fmt: skip
"""The fields that come first, by alert source."""
_RANKS = {source: {name: rank for rank, name in enumerate(names)} for source, names in _FIRST.items()}
_NO_RANKS: Mapping[str, int] = MappingProxyType({})


def ordered(fields: Iterable[tuple[str, str]], source: str) -> list[tuple[str, str]]:
    """The fields of an alert of this source, the important ones first."""
    ranks = _RANKS.get(source, _NO_RANKS)
    return sorted(fields, key=lambda field: (ranks.get(field[0], len(ranks)), field[0]))
