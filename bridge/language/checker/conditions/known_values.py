"""Finds values that are nearly one of a field's known values: alert sources, types of events, verbs of an API."""

from __future__ import annotations

from functools import lru_cache

from bridge.alert.catalogue import alert_sources, value_names
from bridge.common.suggest import nearest
from bridge.language.diagnostics.diagnostic import Code, Diagnostic, Fix
from bridge.language.syntax.tree import Word

_SOURCES = {
    "kubernetes": "k8s_audit", "k8s": "k8s_audit", "audit": "k8s_audit", "k8s_audit": "k8s_audit",
    "syscalls": "syscall", "kernel": "syscall", "cloudtrail": "aws_cloudtrail", "aws": "aws_cloudtrail",
    "falco": "internal",
}  # fmt: skip
"""Other names of alert sources."""
_WHOSE = {
    "evt.type": "no event has the type", "fd.l4proto": "no connection has the protocol",
    "fd.sockfamily": "no socket has the family", "ka.verb": "no request to Kubernetes has the verb",
}  # fmt: skip


def misspelt_value(field: str, word: Word) -> Diagnostic | None:
    """The warning about a value that resembles a known one. Others are not reported: plugins and kernels add values."""
    if field == "source":
        known = alert_sources()
        found = None if word.text in known else _SOURCES.get(word.text.lower()) or nearest(word.text, known)
        if found is None:
            return None
        message = f"no known plugin has the source `{word.text}`"
        return Diagnostic(Code.MISSPELT_SOURCE, message, word.span, f"did you mean `{found}`?")
    found = _nearest_value(field, word.text) if field in _WHOSE else None
    if found is None:
        return None
    fix = Fix(word.span.start, word.span.end, f'"{found}"' if word.quoted else found)
    message = f"{_WHOSE[field]} `{word.text}`"
    return Diagnostic(Code.MISSPELT_VALUE, message, word.span, f"did you mean `{found}`?", fix=fix)


@lru_cache(maxsize=1000)
def _nearest_value(field: str, text: str) -> str | None:
    known = value_names()[field]
    return None if text in known else nearest(text, known)
