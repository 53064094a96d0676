"""How visitors sign in with an OpenID provider."""

from __future__ import annotations

import msgspec

CALLBACK = "/sign-in/oidc/callback"


class OidcLaunch(msgspec.Struct, frozen=True, kw_only=True):
    """The provider, and this client of it."""

    issuer: str
    client_id: str
    client_secret: str = ""
    """Empty for a public client."""
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    name_claim: str = "email"
    groups_claim: str = "groups"
