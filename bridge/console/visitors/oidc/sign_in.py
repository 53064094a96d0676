"""The sign-ins that have begun: each can end once, within minutes, in the browser that began it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from bridge.console.visitors.oidc.id_token import InvalidTokenError, person_of
from bridge.console.visitors.oidc.provider import Provider, ProviderError
from bridge.console.visitors.oidc.settings import CALLBACK, OidcLaunch
from bridge.console.visitors.people import Person

SECONDS = 600.0
"""How long a visitor may take at the provider."""
_MOST_BEGUN = 1000


class SignInError(Exception):
    """The sign-in failed. The text is a sentence for the visitor."""


@dataclass(frozen=True, slots=True)
class _Begun:
    nonce: str
    verifier: str
    browser: str
    """What the cookie of the browser contains that began it."""
    ends: float


@dataclass
class SignIns:
    """The sign-ins with one provider. Callable from any thread."""

    settings: OidcLaunch
    public_url: str
    provider: Provider
    clock: Callable[[], float] = time.monotonic
    _begun: OrderedDict[str, _Begun] = field(default_factory=OrderedDict, repr=False)

    def begin(self) -> tuple[str, str]:
        """Where the visitor's browser goes, and what its cookie contains until it is back. Raises SignInError."""
        try:
            endpoint = str(self.provider.metadata()["authorization_endpoint"])
        except ProviderError as error:
            raise SignInError(str(error)) from error
        state, browser = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        begun = _Begun(secrets.token_urlsafe(32), secrets.token_urlsafe(64), browser, self.clock() + SECONDS)
        self._begun[state] = begun
        while len(self._begun) > _MOST_BEGUN:
            self._begun.popitem(last=False)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(begun.verifier.encode()).digest()).rstrip(b"=").decode()
        query = urlencode({
            "response_type": "code", "client_id": self.settings.client_id, "redirect_uri": self._redirect_uri,
            "scope": " ".join(dict.fromkeys(("openid", *self.settings.scopes))), "state": state,
            "nonce": begun.nonce, "code_challenge": challenge, "code_challenge_method": "S256",
        })  # fmt: skip
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{query}", browser

    def end(self, answer: Mapping[str, str], browser: str) -> Person:
        """Who signed in. ``answer`` is the query of the provider's redirect. Raises SignInError."""
        begun = self._begun.pop(answer.get("state", ""), None)
        if begun is None or begun.ends <= self.clock():
            raise SignInError("this sign-in has ended already, or took too long; sign in again")
        if not hmac.compare_digest(begun.browser.encode(), browser.encode()):
            raise SignInError("another browser began this sign-in; sign in again")
        try:
            issuer = self.provider.issuer
            if answer.get("iss", issuer) != issuer:
                raise SignInError("another provider answered; sign in again")
            if "code" not in answer:
                raise SignInError(f"the provider did not sign you in: {answer.get('error', 'no code')[:200]}")
            token = self.provider.id_token(answer["code"], begun.verifier, self._redirect_uri)
            return person_of(token, self.settings, issuer, begun.nonce, lambda again: self.provider.keys(again=again))
        except (ProviderError, InvalidTokenError) as error:
            raise SignInError(str(error)) from error

    @property
    def _redirect_uri(self) -> str:
        return f"{self.public_url}{CALLBACK}"
