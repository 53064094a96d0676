"""Why a Falco cannot be read, in a sentence with the remedy. The causes are as grpcio words them (1.85)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import grpc

_MAX_DETAIL = 300

_GONE = "it went away while it was being read; alerts that it had not sent are lost with it"

_HUNG_UP = "it hung up at the handshake; it wants mutual TLS: check tls.cert and tls.key, and that both sides use TLS"

_REMEDIES = (
    (
        "No such file or directory",
        "there is no socket; is Falco running with grpc.enabled and grpc_output.enabled, and is this its bind_address?",
    ),
    (
        "Permission denied",
        "the socket is not ours to open; it is root's: run the bridge as root or in a group that may",
    ),
    (
        "CERTIFICATE_VERIFY_FAILED",
        "its certificate is not signed by the CA in tls.ca; give the CA that signed Falco's certificate",
    ),
    (
        "certificate signature failure",
        "its certificate is not signed by the CA in tls.ca; give the CA that signed Falco's certificate",
    ),
    (
        "Hostname Verification Check failed",
        "its certificate is for another name; set tls.server_name to the name in the certificate",
    ),
    ("Socket closed", _HUNG_UP),
    ("Connection reset", _HUNG_UP),
    ("WRONG_VERSION_NUMBER", "it does not speak TLS there; is this Falco's grpc.bind_address, and no other service's?"),
    ("Handshake read failed", "it takes connections and says nothing; is this Falco's grpc.bind_address?"),
    ("before receiving SETTINGS", "it takes connections and says nothing; is it starting, or hanging?"),
    ("more than 107 characters", "a socket's path has at most 107 bytes; give Falco's socket a shorter one"),
    ("target uri is not valid", "it is no address; a socket's path has at most 107 bytes"),
    ("errors resolving", "its name does not resolve; check the address"),
    ("Connection rejected", "nothing listens there; is Falco running, and is this its grpc.bind_address?"),
    ("timed out", "it does not answer; does a firewall stand between, and does Falco run there?"),
    ("DNS resolution failed", "its name does not resolve; check the address"),
)


def describe_failure(address: str, code: grpc.StatusCode, details: str, *, was_read: bool = False) -> str:
    """One sentence: the address, the cause, the remedy. ``was_read``: until now it could be read."""
    if code.name == "UNIMPLEMENTED":
        return (
            f"{address}: this Falco has no gRPC outputs; set grpc_output.enabled, "
            "or for Falco 0.44 and newer, which have none, use http_output"
        )
    if _went_away(details, handshake=not was_read and not address.startswith("unix:")):
        return f"{address}: {_GONE}"
    for cause, remedy in _REMEDIES:
        if cause in details:
            return f"{address}: {remedy}"
    return f"{address}: cannot be read ({code.name}: {details[:_MAX_DETAIL]}); trying again"


def _went_away(details: str, *, handshake: bool) -> bool:
    """Whether a connection ended that stood. One that ``handshake`` may have rejected failed to connect, gRPC says."""
    if "Stream removed" in details:
        return True
    ended = "Socket closed" in details or "Connection reset" in details
    return ended and not (handshake and "failed to connect" in details)
