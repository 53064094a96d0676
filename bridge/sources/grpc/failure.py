"""Describes why a Falco cannot be read, with the remedy. Recognizes the error messages of grpcio 1.85."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import grpc

_MAX_DETAIL = 300

_DISCONNECTED = "Falco disconnected during a read; alerts that it had not sent are lost"

_HANDSHAKE = "Falco rejected the TLS handshake; check tls.cert and tls.key, and that both sides use mutual TLS"
_UNTRUSTED = "Falco's certificate is not signed by the CA in tls.ca; set tls.ca to the CA that signed it"
_OTHER_NAME = "Falco's certificate is for another name; set tls.server_name to the name in the certificate"
_NOT_TLS = "the server does not use TLS; check that this is Falco's grpc.bind_address"
_REFUSED = "connection refused; check that Falco is running and that this is its grpc.bind_address"
_TLS = (_UNTRUSTED, _OTHER_NAME, _NOT_TLS)
_UNRESOLVED = "the host name does not resolve; check the address"

_SENTENCES = (
    (
        "No such file or directory",
        "there is no socket; check that Falco runs with grpc.enabled, grpc_output.enabled and this bind_address",
    ),
    (
        "Permission denied",
        "no permission to open the socket, which belongs to root; run the bridge as root or in a group with access",
    ),
    ("CERTIFICATE_VERIFY_FAILED", _UNTRUSTED),
    ("certificate signature failure", _UNTRUSTED),
    ("Hostname Verification Check failed", _OTHER_NAME),
    ("Socket closed", _HANDSHAKE),
    ("Connection reset", _HANDSHAKE),
    ("WRONG_VERSION_NUMBER", _NOT_TLS),
    ("Handshake read failed", "the server accepts connections and does not answer; check Falco's grpc.bind_address"),
    ("before receiving SETTINGS", "the server accepts connections and does not answer; it may be starting or hanging"),
    ("more than 107 characters", "the socket's path is longer than 107 bytes; give Falco's socket a shorter path"),
    ("target uri is not valid", "not a valid address; the path of a socket has at most 107 bytes"),
    ("errors resolving", _UNRESOLVED),
    ("Connection refused", _REFUSED),
    ("timed out", "the connection timed out; check that Falco is running and that no firewall blocks the port"),
    ("DNS resolution failed", _UNRESOLVED),
)
"""Parts of gRPC's messages, and what the bridge says instead."""


def is_less_specific(sentence: str, previous: str) -> bool:
    """Whether a failure to connect follows a TLS error of the same Falco.

    A host name may have several addresses, such as ``localhost``. gRPC tries them in turn and reports the last failure.
    If Falco listens on one of them, the others refuse the connection, which hides the error of the one.
    """
    return sentence.endswith(_REFUSED) and previous.endswith(_TLS)


def describe_failure(address: str, code: grpc.StatusCode, details: str, *, was_read: bool = False) -> str:
    """One sentence with the address, the cause and the remedy. ``was_read``: the previous read succeeded."""
    if code.name == "UNIMPLEMENTED":
        return (
            f"{address}: this Falco has no gRPC outputs; set grpc_output.enabled, "
            "or use http_output with Falco 0.44 and newer, which have none"
        )
    if _disconnected(details, handshake=not was_read and not address.startswith("unix:")):
        return f"{address}: {_DISCONNECTED}"
    for cause, sentence in _SENTENCES:
        if cause in details:
            return f"{address}: {sentence}"
    return f"{address}: cannot be read ({code.name}: {details[:_MAX_DETAIL]}); trying again"


def _disconnected(details: str, *, handshake: bool) -> bool:
    """Whether an established connection ended.

    During a ``handshake`` the same messages mean a rejected handshake. gRPC then adds "failed to connect".
    """
    if "Stream removed" in details:
        return True
    ended = "Socket closed" in details or "Connection reset" in details
    return ended and not (handshake and "failed to connect" in details)
