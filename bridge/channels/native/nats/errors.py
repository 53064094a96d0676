"""What an error of NATS or JetStream means for a message, or for all of them."""

from __future__ import annotations

import asyncio

from bridge.channels import transport_errors
from bridge.channels.contract import Outcome, Verdict
from bridge.common.text import one_line

NO_STREAM = "no stream of JetStream takes the subject: create one, or write delivery=core"
_REJECTED = frozenset({10054})
"""``err_code`` in errors.json of nats-server: the message is larger than the stream allows."""
_CHANNEL_FAULTS = {
    10039: "JetStream is not enabled for the account: enable it, or write delivery=core",
    10076: "JetStream is not enabled: enable it, or write delivery=core",
}
_LOGIN = ("authorization violation", "authentication", "user authentication", "account authentication")
"""How errors of the server begin, in lower case."""
_PERMISSIONS = "permissions violation"
_SUBSCRIBE = "JetStream answers there: allow the user to subscribe to `_INBOX.>`, or write inbox=PREFIX"
_MAX_REASON = 300


def outcome_of(error: BaseException) -> Outcome:
    """The outcome of one message whose publishing raised this."""
    from nats.errors import MaxPayloadError
    from nats.js.errors import APIError, NoStreamResponseError

    if isinstance(error, NoStreamResponseError):
        return Outcome(Verdict.CHANNEL_FAULT, reason=f"NATS: {NO_STREAM}")
    if isinstance(error, MaxPayloadError):
        return Outcome(Verdict.REJECTED, reason="NATS: the message is larger than the server allows (max_payload)")
    if isinstance(error, APIError):
        text = f"NATS: {one_line(str(error.description), _MAX_REASON)} ({error.err_code})"
        if error.err_code in _REJECTED:
            return Outcome(Verdict.REJECTED, error.code, text)
        if remedy := _CHANNEL_FAULTS.get(error.err_code or 0):
            return Outcome(Verdict.CHANNEL_FAULT, error.code, f"{text}: {remedy}")
        return Outcome(Verdict.RETRY, error.code, text)
    return of_connection(error, "", "", "")


def of_connection(error: BaseException, host: str, authorities: str, certificate: str) -> Outcome:
    """The outcome of an attempt that ended with this error of the connection or the login."""
    from nats.errors import Error, InvalidUserCredentialsError, SecureConnWantedError

    text = one_line(str(error).removeprefix("nats: ").strip("'"), _MAX_REASON)
    if isinstance(error, InvalidUserCredentialsError):
        return Outcome(Verdict.CHANNEL_FAULT, reason="NATS: the file in `creds` contains no credentials")
    if isinstance(error, SecureConnWantedError):
        return Outcome(Verdict.CHANNEL_FAULT, reason="NATS: the server offers no TLS, so no login was sent to it")
    if text.lower().startswith(_LOGIN):
        return Outcome(Verdict.CHANNEL_FAULT, reason=f"NATS: {text}: compare the login with the server's")
    if is_permission(error):
        remedy = _SUBSCRIBE if "subscription" in text.lower() else "allow the user to publish to the subject"
        return Outcome(Verdict.CHANNEL_FAULT, reason=f"NATS: {text}: {remedy}")
    if isinstance(error, Error) and not isinstance(error, asyncio.TimeoutError):
        return Outcome(Verdict.RETRY, reason=f"NATS: {text}")
    reason = transport_errors.describe(error, host, authorities, certificate)
    if authorities and not certificate and reason.startswith("connection closed"):
        reason = f"{reason}; if the server requires a client certificate, set `tls: {{cert, key}}`"
    return Outcome(Verdict.RETRY, reason=reason)


def is_permission(error: BaseException) -> bool:
    """Whether the server forbids a subject. It does not say for which message."""
    return _PERMISSIONS in str(error).lower()
