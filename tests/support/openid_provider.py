"""A small OpenID provider on loopback, with signed tokens. It signs everybody in at once, as the test says."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey

CLIENT, SECRET = "falco-bridge", "hunter2+/hunter2"  # a secret that must be encoded


class OpenIdProvider:
    """What it says of a visitor, and what is wrong with its tokens."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.key = ECKey.generate_key("P-256", {"kid": "first"})
        self.claims: dict[str, Any] = {"email": "alice@example.org", "groups": ["soc"]}
        self.signer: Any = self.key
        self.header: dict[str, Any] = {"alg": "ES256", "kid": "first"}
        self.description: dict[str, Any] = {}
        self.others: list[Any] = []
        """What its set of keys contains besides its key."""
        self.posted: list[dict[str, str]] = []
        self._codes: dict[str, dict[str, str]] = {}

    def authorize(self, query: dict[str, str]) -> str:
        """Where the visitor is sent back to."""
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(8)
        self._codes[code] = query
        back = {"code": code, "state": query["state"], "iss": self.issuer}
        return f"{query['redirect_uri']}?{urlencode(back)}"

    def token(self, form: dict[str, str], authorization: str) -> dict[str, Any] | None:
        """The answer for a code, which is valid once; None for a refusal."""
        self.posted.append(form)
        query = self._codes.pop(form["code"], None)
        expected = base64.b64encode(f"{quote(CLIENT, safe='')}:{quote(SECRET, safe='')}".encode()).decode()
        if query is None or authorization != f"Basic {expected}" or form["redirect_uri"] != query["redirect_uri"]:
            return None
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != query["code_challenge"]:
            return None
        return {"access_token": "x", "token_type": "Bearer", "id_token": self.id_token(query["nonce"])}

    def id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "sub": "1", "iat": now, "exp": now + 300, "nonce": nonce}
        claims |= self.claims
        claims = {name: value for name, value in claims.items() if value is not None}
        if self.header["alg"] == "none":
            parts = (json.dumps(each).encode() for each in (self.header, claims))
            return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."
        return jwt.encode(self.header, claims, self.signer, algorithms=[self.header["alg"]])

    def document(self, path: str) -> dict[str, Any] | None:
        """What is served at a path."""
        if path == "/jwks":
            return {"keys": [*self.others, self.key.as_dict(private=False)]}
        if path == "/.well-known/openid-configuration":
            return {
                "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token", "jwks_uri": f"{self.issuer}/jwks",
            } | self.description  # fmt: skip
        return None


class _Handler(BaseHTTPRequestHandler):
    provider: OpenIdProvider

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        if split.path == "/authorize":
            self.send_response(302)
            self.send_header("Location", self.provider.authorize(dict(parse_qsl(split.query))))
            self.end_headers()
            return
        self._answer(self.provider.document(split.path))

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(text).items()}
        self._answer(self.provider.token(form, self.headers.get("Authorization", "")))

    def _answer(self, document: dict[str, Any] | None) -> None:
        self.send_response(400 if document is None else 200)
        self.end_headers()
        self.wfile.write(json.dumps(document or {"error": "invalid_grant"}).encode())

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        pass


@contextmanager
def openid_provider() -> Iterator[OpenIdProvider]:
    """A provider that serves until the block ends."""
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.provider = OpenIdProvider(f"http://127.0.0.1:{server.server_port}")  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield handler.provider  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
