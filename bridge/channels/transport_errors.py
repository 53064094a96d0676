"""Describes for operators why an attempt got no response. Pure."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Iterator

from bridge.channels.errors import InvalidResponseError
from bridge.common.text import one_line
from bridge.delivery.outcome import CONNECTION_REFUSED

_MAX_DETAIL = 160


_CLIENT_CERTIFICATE = ("CERTIFICATE_REQUIRED", "ALERT_HANDSHAKE_FAILURE", "ALERT_BAD_CERTIFICATE")
"""OpenSSL's names of the alerts with which a server rejects a client without a certificate."""
_BAD_CERTIFICATE = (
    "ALERT_BAD_CERTIFICATE", "ALERT_UNKNOWN_CA", "ALERT_CERTIFICATE_EXPIRED", "ALERT_CERTIFICATE_REVOKED",
    "ALERT_CERTIFICATE_UNKNOWN", "ALERT_UNSUPPORTED_CERTIFICATE", "ALERT_ACCESS_DENIED", "ALERT_DECRYPT_ERROR",
)  # fmt: skip
"""OpenSSL's names of the alerts with which a server rejects a client's certificate."""
_REMEDIES = (
    ("local issuer", "trust the CA that signed it: add it to the bundle, or use another bundle"),
    ("self-signed", "trust its CA: add it to the bundle, or use another bundle"),
    ("self signed", "trust its CA: add it to the bundle, or use another bundle"),
    ("ostname mismatch", "write the name that is in the certificate"),
    ("IP address mismatch", "write the name that is in the certificate"),
    ("expired", "renew the certificate, or correct this machine's clock"),
    ("not yet valid", "correct this machine's clock"),
)
"""Parts of OpenSSL's verification errors, and what to do."""


def describe(error: BaseException, host: str = "", authorities: str = "", certificate: str = "") -> str:
    """A short phrase for the exception that ended an attempt, whichever library wrapped it.

    ``authorities`` says where the trusted CAs come from, ``certificate`` names the client's. For an error of TLS the
    phrase has host, CAs or certificate, and remedy.
    """
    causes = list(_causes(error))
    for cause in causes:
        if text := _tls(cause, host, authorities, certificate):
            return text
    for describe_cause in (_dns, _refused, _proxy, _timeout, _closed):
        for cause in causes:
            if text := describe_cause(cause):
                return text
    return f"connection failed ({type(error).__name__})"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and every exception linked to it: its cause, its context, and exceptions among its arguments."""
    pending, seen = [error], set[int]()
    while pending:
        current = pending.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        linked = (current.__cause__, current.__context__, getattr(current, "reason", None), *current.args)
        pending += [other for other in linked if isinstance(other, BaseException)]


def _tls(error: BaseException, host: str, authorities: str, certificate: str) -> str:
    of_host, with_host = (f" of {host}", f" with {host}") if host else ("", "")
    if isinstance(error, ssl.SSLCertVerificationError):
        message = one_line(error.verify_message.rstrip("."), _MAX_DETAIL)
        remedy = next((text for part, text in _REMEDIES if part in message), "")
        verified = f"verified with {authorities}" if authorities else ""
        return "; ".join(filter(None, (f"TLS certificate{of_host} not trusted: {message}", verified, remedy)))
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        code = error.reason or ""
        reason = code.lower().replace("_", " ") or "no reason given"
        if certificate and any(part in code for part in _BAD_CERTIFICATE):
            alert = reason.rpartition("alert ")[2]
            return f"TLS handshake{with_host} failed: the server rejects the client certificate {certificate}: {alert}"
        if not certificate and any(part in code for part in _CLIENT_CERTIFICATE):
            return (
                f"TLS handshake{with_host} failed: the server requires a client certificate (mutual TLS); "
                "set `tls: {cert: …, key: …}` of the channel"
            )
        return f"TLS handshake{with_host} failed: {one_line(reason, _MAX_DETAIL)}"
    return ""


def _dns(error: BaseException) -> str:
    return "host name not found in DNS" if isinstance(error, socket.gaierror) else ""


def _refused(error: BaseException) -> str:
    return f"{CONNECTION_REFUSED}: nothing listens on this port" if isinstance(error, ConnectionRefusedError) else ""


def _proxy(error: BaseException) -> str:
    text = str(error)
    return f"proxy error: {one_line(text, _MAX_DETAIL)}" if text.startswith("Tunnel connection failed") else ""


def _timeout(error: BaseException) -> str:
    return "timed out" if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__ else ""


def _closed(error: BaseException) -> str:
    closed = (ConnectionError, EOFError, smtplib.SMTPServerDisconnected, ssl.SSLEOFError, ssl.SSLZeroReturnError)
    if isinstance(error, InvalidResponseError):
        return one_line(str(error), _MAX_DETAIL)
    if isinstance(error, closed) or type(error).__name__ in {"RemoteDisconnected", "IncompleteRead"}:
        return "connection closed without a response"
    return ""
