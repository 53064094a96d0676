"""Verifies an ID token: signature, issuer, audience, nonce and times. What it says names the visitor."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from bridge.common.text import one_line
from bridge.console.visitors.oidc.settings import OidcLaunch
from bridge.console.visitors.people import Person

_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
"""Signatures with a private key only: neither ``none`` nor those with a shared secret."""
_LEEWAY_SECONDS = 60
_LONGEST_NAME = 200
_MOST_GROUPS = 1000
_VERIFIED = (True, "true")
"""Some providers write the claim as a text."""


class InvalidTokenError(Exception):
    """The token is not accepted. The text is a sentence for the visitor."""


def person_of(
    token: str, settings: OidcLaunch, issuer: str, nonce: str, keys: Callable[[bool], KeySet]
) -> Person:  # fmt: skip
    """Who signed in. ``keys`` gives the provider's keys, read again if it is True. Raises InvalidTokenError."""
    claims = _claims(token, settings, issuer, keys)
    given = claims.get("nonce")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
        raise InvalidTokenError("the token of the provider belongs to another sign-in")
    audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if claims.get("azp", settings.client_id) != settings.client_id or (len(audience) > 1 and "azp" not in claims):
        raise InvalidTokenError("the token of the provider was issued to another client")
    return _person(claims, settings)


def _claims(token: str, settings: OidcLaunch, issuer: str, keys: Callable[[bool], KeySet]) -> dict[str, Any]:
    rules = jwt.JWTClaimsRegistry(
        leeway=_LEEWAY_SECONDS,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": settings.client_id},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
    )
    try:
        try:
            decoded = jwt.decode(token, keys(False), algorithms=_ALGORITHMS)
        except (JoseError, ValueError):  # the provider may have a new key
            decoded = jwt.decode(token, keys(True), algorithms=_ALGORITHMS)
        rules.validate(decoded.claims)
    except (JoseError, ValueError, TypeError) as error:
        raise InvalidTokenError(f"the token of the provider is not accepted ({type(error).__name__})") from error
    return decoded.claims


def _person(claims: dict[str, Any], settings: OidcLaunch) -> Person:
    name = claims.get(settings.name_claim)
    if not isinstance(name, str) or not name.strip():
        raise InvalidTokenError(f"the token of the provider has no `{settings.name_claim}`")
    if settings.name_claim == "email" and claims.get("email_verified", True) not in _VERIFIED:
        raise InvalidTokenError("the provider has not verified the e-mail address")
    groups = claims.get(settings.groups_claim, [])
    listed = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
    texts = [each for each in listed if isinstance(each, str)][:_MOST_GROUPS]
    return Person(one_line(name, _LONGEST_NAME), frozenset(texts))
