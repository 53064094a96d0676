"""Cuts off what log programs write before a line: syslog, journalctl, kubectl, stern, compose, AWS's and Fluentd."""

from __future__ import annotations

import re
from enum import Enum, auto

from bridge.alert.forms.text_form import starts_text_alert

_COLOUR = rb"(?:\x1b\[[0-9;]{0,20}m){0,8}"
_GAP = _COLOUR + rb" " + _COLOUR
_ISO = rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
_WORD = rb"[A-Za-z0-9_./@-]{1,253}"
_FALCO = rb"(?=[A-Za-z0-9_./-]{0,200}falco)[A-Za-z0-9_./-]{5,245}"
"""A name that contains falco. The look ahead avoids that a long one is tried at every split."""
_TAG = rb"[A-Za-z0-9_./-]{0,40}falco[A-Za-z0-9_./-]{0,40}(?:\[\d{1,10}\])?: ?"
_COOKIE = rb"(?:@cee: ?)?"
"""Says that JSON follows."""


class Prefix(Enum):
    """The kind of a prefix."""

    SYSLOG = auto()
    """A line of syslog or journalctl with Falco's tag."""
    TIMESTAMP = auto()
    """``kubectl logs --timestamps``, ``docker logs --timestamps``, ``aws logs tail``."""
    POD = auto()
    """``kubectl logs --prefix``: ``[pod/falco-abcde/falco] ``; kubetail and kail have other brackets."""
    COMPOSE = auto()
    """``docker compose logs``: ``falco-1  | ``."""
    FLUENTD = auto()
    """Fluentd's files: time and tag, each followed by a tab."""
    STERN = auto()
    """``falco-abcde falco ``, with the namespace before it if stern reads several."""


_FORMS = (
    (
        Prefix.SYSLOG,
        rb"(?:<\d{1,3}>)?(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,9})?|(?:[A-Z][a-z]{2} )?" + _ISO
        + rb"(?: [A-Z]{2,5}| [+-]\d{2,4})?|\[ {0,10}\d{1,10}\.\d{1,9}\]|\d{10}\.\d{1,9}) " + _WORD
        + rb" (?:[a-z0-9]{2,12}\.[a-z]{2,8} )?" + _TAG + _COOKIE,
    ),
    (
        Prefix.SYSLOG,
        rb"<\d{1,3}>1 " + _ISO + rb" " + _WORD + rb" [^ ]{0,40}falco[^ ]{0,40} [^ ]{1,40} [^ ]{1,40} "
        + rb"(?:-|(?:\[(?:[^\]\\]|\\.){0,500}\]){1,8}) (?:\xef\xbb\xbf)?" + _COOKIE,
    ),
    (Prefix.POD, rb"\[pod/" + _WORD + rb"\] "),
    (Prefix.POD, rb"\[" + _FALCO + rb"(?: " + _WORD + rb")?\] "),
    (Prefix.POD, _FALCO + rb"\[" + _WORD + rb"\]: "),
    (Prefix.COMPOSE, _WORD + rb" {0,60}\| ?"),
    (Prefix.FLUENTD, _ISO + rb"\t(?:" + _WORD + rb"\t)?"),
    (Prefix.TIMESTAMP, _ISO + rb" " + _FALCO + rb" "),
    (Prefix.TIMESTAMP, _ISO + rb" (?:std(?:out|err) F[^ ]{0,10} )?"),
    (
        Prefix.STERN,
        _WORD + _GAP + _WORD + rb"(?:" + _GAP + _WORD + rb")?" + _GAP + rb"\d\d-\d\d \d\d:\d\d:\d\d ",
    ),
    (Prefix.STERN, _WORD + _GAP + _WORD + rb"(?:" + _GAP + _WORD + rb")?" + _GAP),
)  # fmt: skip
_PATTERNS = tuple((kind, re.compile(_COLOUR + form + _COLOUR)) for kind, form in _FORMS)
_COLOURS = re.compile(_COLOUR)
_OBJECT = re.compile(rb'\{\s{0,8}"')
_MAX_PREFIXES = 3


def starts_alert(line: bytes) -> bool:
    """Whether a line starts like an alert in JSON or text form."""
    return bool(_OBJECT.match(line)) if line[:1] == b"{" else starts_text_alert(line)


def cut_prefix(line: bytes) -> tuple[Prefix | None, bytes] | None:
    """The kind of the last prefix, and the alert behind up to three prefixes and colour codes.

    None if no alert follows.
    """
    kind, rest = None, line
    for _ in range(_MAX_PREFIXES):
        step = next(((form, match.end()) for form, pattern in _PATTERNS if (match := pattern.match(rest))), None)
        bare = _COLOURS.match(rest)
        if bare is not None and bare.end() and starts_alert(rest[bare.end() :]):
            return kind, rest[bare.end() :]
        if step is None:
            return None
        kind, rest = step[0], rest[step[1] :]
        if starts_alert(rest):
            return kind, rest
    return None


def cut_same_prefix(line: bytes, kind: Prefix) -> bytes | None:
    """The line without a prefix of this kind. None if it has another, or none."""
    for form, pattern in _PATTERNS:
        if form is kind and (match := pattern.match(line)):
            return line[match.end() :]
    return None
