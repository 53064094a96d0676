"""Access tokens of Google Cloud: of a service account's key, or of the default credentials."""

from __future__ import annotations

import base64
import binascii
import json
import threading
from functools import partial
from pathlib import Path
from typing import Any

from bridge.channels import transport_errors
from bridge.channels.contract import Outcome, Verdict
from bridge.channels.errors import ChannelError
from bridge.channels.native.shared.address import Address
from bridge.channels.native.shared.extras import require
from bridge.common.files.trust import READ_SECONDS, bundle
from bridge.common.text import one_line

EXTRA = "gcp"
_MAX_REASON = 300
_FIELDS = frozenset({"type", "client_email", "private_key", "token_uri"})
_NOT_FOUND = (
    "no Google credentials found: add `key` or `key-file` to the URL, set GOOGLE_APPLICATION_CREDENTIALS, or give the "
    "pod or machine a service account"
)


class Tokens:
    """The tokens of one channel, renewed before they expire. Thread-safe."""

    def __init__(self, address: Address, scope: str) -> None:
        """Raises ChannelError if the key is none, or google-auth is not installed."""
        require("google.auth", EXTRA)
        key, self._file = address.one("key"), address.one("key-file")
        if key and self._file:
            raise ChannelError("has both `key` and `key-file`; remove one")
        self._key = _decoded(key, "key") if key else None
        if self._file:
            _read(self._file)
        self._scopes = [scope]
        self._lock = threading.Lock()
        self._credentials: Any = None

    def header(self) -> dict[str, str]:
        """The header of a request. Raises exceptions of google-auth, which ``outcome_of`` classifies."""
        with self._lock:
            if self._credentials is None:
                self._credentials = self._load()
            if not self._credentials.valid:
                self._credentials.refresh(_request())
            return {"Authorization": f"Bearer {self._credentials.token}"}

    def forget(self) -> None:
        """The token was refused: load the credentials again, since the key may have been replaced."""
        with self._lock:
            self._credentials = None

    def outcome_of(self, error: Exception) -> Outcome:
        """The outcome where there is no token."""
        from google.auth import exceptions as known

        self.forget()
        if isinstance(error, known.DefaultCredentialsError):
            return Outcome(Verdict.CHANNEL_FAULT, reason=_NOT_FOUND)
        if isinstance(error, known.TransportError | OSError):
            return Outcome(Verdict.RETRY, reason=f"no token of Google: {transport_errors.describe(error)}")
        text = one_line(str(error.args[0] if error.args else ""), _MAX_REASON)
        is_temporary = isinstance(error, known.GoogleAuthError) and error.retryable
        verdict = Verdict.RETRY if is_temporary else Verdict.CHANNEL_FAULT
        return Outcome(verdict, reason=f"no token of Google: {text or type(error).__name__}")

    def _load(self) -> Any:
        import google.auth
        from google.oauth2 import service_account

        account: Any = service_account.Credentials
        if self._key is not None:
            return account.from_service_account_info(self._key, scopes=self._scopes)
        if self._file:
            return account.from_service_account_info(_read(self._file), scopes=self._scopes)
        return google.auth.default(self._scopes, request=_request())[0]


def _request() -> Any:
    """What google-auth sends its requests with: the bridge's proxies, CAs and time limits."""
    from google.auth.transport.requests import Request
    from requests import Session

    session = Session()
    session.verify = bundle()
    return partial(Request(session), timeout=READ_SECONDS)


def _read(path: str) -> dict[str, Any]:
    """The key in a file. Raises ChannelError."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError):
        raise ChannelError("has a `key-file` that cannot be read") from None
    return _decoded(text, "key-file")


def _decoded(key: str, parameter: str) -> dict[str, Any]:
    """A key as Google gives it out: JSON, plain or in base64 (of which a URL may have lost the ``=`` at the end)."""
    text = key
    if not key.lstrip().startswith("{"):
        try:
            text = base64.b64decode(key + "=" * (-len(key) % 4), altchars=None, validate=True).decode()
        except (binascii.Error, ValueError):
            text = ""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not found.keys() >= _FIELDS or found["type"] != "service_account":
        raise ChannelError(
            f"has an invalid `{parameter}`; give the JSON of a service account's key, plain or in base64. Other "
            "credentials are named by GOOGLE_APPLICATION_CREDENTIALS"
        )
    return found
