"""Tokens of Azure Event Hubs: signatures of a shared access key, or those of an identity."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from bridge.channels import transport_errors
from bridge.channels.contract import Outcome, Verdict
from bridge.channels.native.shared.extras import require
from bridge.common.files.trust import CONNECT_SECONDS, READ_SECONDS, bundle
from bridge.common.text import one_line

EXTRA = "azure"
_SCOPE = "https://eventhubs.azure.net/.default"
_LIFETIME, _RENEWED_BEFORE = 3600, 600
_MAX_REASON = 300


class SharedKey:
    """Signatures of a shared access key (learn.microsoft.com, Generate a Shared Access Signature token)."""

    def __init__(self, resource: str, name: str, key: str, now: Callable[[], float] = time.time) -> None:
        """``resource`` is the URL that they are for."""
        self._resource, self._name, self._key, self._now = quote(resource, safe=""), name, key.encode(), now

    def header(self) -> dict[str, str]:
        """The header of a request: the same for a few minutes."""
        expiry = int(self._now() // _RENEWED_BEFORE * _RENEWED_BEFORE) + _LIFETIME
        signed = hmac.digest(self._key, f"{self._resource}\n{expiry}".encode(), hashlib.sha256)
        signature = quote(base64.b64encode(signed).decode(), safe="")
        token = f"sr={self._resource}&sig={signature}&se={expiry}&skn={quote(self._name, safe='')}"
        return {"Authorization": f"SharedAccessSignature {token}"}

    def forget(self) -> None:
        """Nothing is remembered."""

    def outcome_of(self, error: Exception) -> Outcome:
        """A signature needs no network, so there is none."""
        raise error


class Identity:
    """Tokens of the default credentials: environment, workload identity, managed identity, Azure CLI. Thread-safe."""

    def __init__(self) -> None:
        """Raises ChannelError if azure-identity is not installed."""
        require("azure.identity", EXTRA)
        self._lock = threading.Lock()
        self._credential: Any = None
        self._token, self._expires = "", 0.0

    def header(self) -> dict[str, str]:
        """The header of a request. Raises exceptions of azure-core."""
        with self._lock:
            if time.time() > self._expires - _RENEWED_BEFORE / 2:
                self._renew()
            return {"Authorization": f"Bearer {self._token}"}

    def forget(self) -> None:
        """The token was refused."""
        with self._lock:
            self._expires = 0.0

    def outcome_of(self, error: Exception) -> Outcome:
        """The outcome where there is no token. Its text may name the credentials that were tried, and no secret."""
        from azure.core import exceptions as known

        if isinstance(error, known.ClientAuthenticationError):
            text = one_line("; ".join(filter(None, map(str.strip, str(error.message).split("\n")))), _MAX_REASON)
            return Outcome(Verdict.CHANNEL_FAULT, reason=f"no token of Azure: {text}")
        return Outcome(Verdict.RETRY, reason=f"no token of Azure: {transport_errors.describe(error)}")

    def _renew(self) -> None:
        from azure.identity import DefaultAzureCredential

        if self._credential is None:
            self._credential = DefaultAzureCredential(
                connection_verify=bundle(),
                connection_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                retry_total=0,
                exclude_shared_token_cache_credential=True,  # of desktops; each of them takes time
                exclude_visual_studio_code_credential=True,
                exclude_powershell_credential=True,
                exclude_developer_cli_credential=True,
                disable_instance_discovery=bool(os.environ.get("AZURE_AUTHORITY_HOST")),  # named by the operator
            )
        token = self._credential.get_token(_SCOPE)
        self._token, self._expires = token.token, float(token.expires_on)
