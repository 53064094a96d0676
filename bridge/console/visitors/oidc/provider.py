"""An OpenID provider over HTTP: its description, its keys, and the exchange of a code for an ID token."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import urllib3
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet

from bridge.common.files.trust import proxy, trusted
from bridge.console.visitors.oidc.settings import OidcLaunch
from bridge.http.hosts import is_loopback_host

_LARGEST = 1 << 20
_TIMEOUT = urllib3.Timeout(connect=5.0, read=10.0)
_FRESH_SECONDS = 3600.0
_LEAST_SECONDS = 10.0
"""How often keys are read again at most, where a token names a key that is not known."""
_OK = 200


class ProviderError(Exception):
    """The provider does not answer as it should. The text is a sentence for the visitor."""


class Provider:
    """One provider. Callable from any thread; what it read is used for an hour."""

    def __init__(self, settings: OidcLaunch) -> None:
        self._settings = settings
        self._metadata: dict[str, Any] = {}
        self._metadata_at = -_FRESH_SECONDS
        self._keys: KeySet | None = None
        self._keys_at = -_FRESH_SECONDS

    @property
    def issuer(self) -> str:
        """Its name, as its tokens contain it. Raises ProviderError."""
        return str(self.metadata()["issuer"])

    def metadata(self) -> dict[str, Any]:
        """Its description. Raises ProviderError."""
        if time.monotonic() - self._metadata_at < _FRESH_SECONDS:
            return self._metadata
        issuer = self._settings.issuer
        found = self._json("GET", f"{issuer}/.well-known/openid-configuration")
        if str(found.get("issuer", "")).rstrip("/") != issuer.rstrip("/"):
            raise ProviderError("the provider describes another issuer than `oidc.issuer` in the config")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not _is_safe(found.get(name), issuer):
                raise ProviderError(f"the provider's `{name}` is no https URL")
        self._metadata, self._metadata_at = found, time.monotonic()
        return found

    def keys(self, *, again: bool = False) -> KeySet:
        """The public keys that verify its tokens; ``again`` reads them again. Raises ProviderError."""
        age = time.monotonic() - self._keys_at
        if self._keys is not None and age < (_LEAST_SECONDS if again else _FRESH_SECONDS):
            return self._keys
        found = self._json("GET", self.metadata()["jwks_uri"])
        keys = _readable(found.get("keys"))
        if not keys:
            raise ProviderError("the provider's keys cannot be read")
        self._keys, self._keys_at = KeySet(keys), time.monotonic()
        return self._keys

    def id_token(self, code: str, verifier: str, redirect_uri: str) -> str:
        """The ID token for a code. Raises ProviderError."""
        settings = self._settings
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri,
            "client_id": settings.client_id, "code_verifier": verifier,
        }  # fmt: skip
        headers = {}
        if settings.client_secret:
            methods = self.metadata().get("token_endpoint_auth_methods_supported")
            if isinstance(methods, list) and "client_secret_basic" not in methods:
                form["client_secret"] = settings.client_secret
            else:
                headers = _basic(settings)
        found = self._json("POST", self.metadata()["token_endpoint"], form, headers)
        token = found.get("id_token")
        if not isinstance(token, str):
            raise ProviderError("the provider's answer has no ID token")
        return token

    def _json(
        self, method: str, url: str, form: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """What a URL answers. Redirects are not followed, and the size is bounded."""
        through = proxy(url)
        options: dict[str, Any] = {"ssl_context": trusted(), "timeout": _TIMEOUT, "retries": False}
        pool = urllib3.ProxyManager(through, **options) if through else urllib3.PoolManager(**options)
        host = urlsplit(url).netloc
        try:
            body = None if form is None else urlencode(form)
            typed = {} if form is None else {"Content-Type": "application/x-www-form-urlencoded"}
            response = pool.request(
                method, url, body, redirect=False, preload_content=False,
                headers={"Accept": "application/json"} | typed | (headers or {}),
            )  # fmt: skip
            text = response.read(_LARGEST)
            response.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ProviderError(f"the provider at {host} cannot be reached ({type(error).__name__})") from error
        finally:
            pool.clear()
        if response.status != _OK:
            raise ProviderError(f"the provider at {host} answered {response.status}")
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ProviderError(f"the provider at {host} answered something other than JSON") from error
        if not isinstance(found, dict):
            raise ProviderError(f"the provider at {host} answered something other than a JSON object")
        return found


def _readable(keys: object) -> list[Key]:
    """The keys of a set, without those of a kind that is not known here: a provider may have keys for other clients."""
    found: list[Key] = []
    for each in keys if isinstance(keys, list) else []:
        with suppress(JoseError, ValueError, TypeError, KeyError):
            found += KeySet.import_key_set({"keys": [each]}).keys
    return found


def _is_safe(url: object, issuer: str) -> bool:
    """Whether secrets may be sent there: https, or plain http on this machine where the issuer is here too."""
    if not isinstance(url, str):
        return False
    split = urlsplit(url)
    if split.scheme == "https":
        return bool(split.netloc)
    return split.scheme == "http" and is_loopback_host(split.netloc) and issuer.startswith("http:")


def _basic(settings: OidcLaunch) -> dict[str, str]:
    """RFC 6749, 2.3.1: both parts are encoded as in forms."""
    return urllib3.make_headers(basic_auth=f"{quote_plus(settings.client_id)}:{quote_plus(settings.client_secret)}")
