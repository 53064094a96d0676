"""Why nothing was heard, in words that tell an operator where to look. Pure."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Iterator

from bridge.channels.native.exchange import BrokenAnswerError
from bridge.common.text import one_line

_MOST = 160


def why_silent(error: BaseException) -> str:
    """A clause for the exception that ended an attempt without an answer, whichever library wrapped it."""
    causes = list(_causes(error))
    for told in (_certificate, _name, _refusal, _proxy, _time, _end):
        for each in causes:
            if said := told(each):
                return said
    return f"it cannot be reached ({type(error).__name__})"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """What it was raised for, the exception itself first: by ``from``, amid another, or carried as an argument."""
    waiting, seen = [error], set[int]()
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        carried = (each.__cause__, each.__context__, getattr(each, "reason", None), *each.args)
        waiting += [other for other in carried if isinstance(other, BaseException)]


def _certificate(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {one_line(error.verify_message.rstrip('.'), _MOST)}"
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        said = (error.reason or "").lower().replace("_", " ") or "no reason given"
        return f"it speaks no TLS that is understood: {one_line(said, _MOST)}"
    return ""


def _name(error: BaseException) -> str:
    return "its name is not known to DNS" if isinstance(error, socket.gaierror) else ""


def _refusal(error: BaseException) -> str:
    return "nothing listens there (connection refused)" if isinstance(error, ConnectionRefusedError) else ""


def _proxy(error: BaseException) -> str:
    said = str(error)
    return f"the proxy: {one_line(said, _MOST)}" if said.startswith("Tunnel connection failed") else ""


def _time(error: BaseException) -> str:
    timed_out = isinstance(error, TimeoutError) or "Timeout" in type(error).__name__
    return "no answer in time" if timed_out else ""


def _end(error: BaseException) -> str:
    ends = (ConnectionError, EOFError, smtplib.SMTPServerDisconnected, ssl.SSLEOFError, ssl.SSLZeroReturnError)
    if isinstance(error, BrokenAnswerError):
        return one_line(str(error), _MOST)
    if isinstance(error, ends) or type(error).__name__ in {"RemoteDisconnected", "IncompleteRead"}:
        return "it hung up without an answer"
    return ""
