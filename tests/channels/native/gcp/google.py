"""Pub/Sub, Cloud Storage and the token server of Google Cloud on loopback, as their references document them.

There is no emulator of them in Python, and Google's own is a Java program of the Cloud SDK.
"""

from __future__ import annotations

import base64
import email
import json
from email.policy import HTTP
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.far_side import Answer, Request

INSTANCE = "projects/acme-prod/locations/eu/instances/0123-abcd"
TOKEN = "ya29.c.EXAMPLE-access-token"


class Google:
    """Answers like the services, and records what it stored. ``errors`` are answered first."""

    def __init__(self, *, needs_token: bool = False) -> None:
        self.messages: list[list[dict[str, Any]]] = []
        self.objects: dict[str, tuple[str, bytes]] = {}
        self.errors: list[Answer] = []
        self.tokens = 0
        self._needs_token = needs_token

    def __call__(self, request: Request) -> Answer:
        url = urlsplit(request.path)
        if url.path == "/token":
            self.tokens += 1
            return _json({"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"})
        if self._needs_token and request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        if self.errors:
            return self.errors.pop(0)
        if url.path == "/v1/projects/acme-prod/topics/falco:publish":
            return self._publish(json.loads(request.body))
        if url.path == f"/v1beta/{INSTANCE}/logTypes/FALCO_IDS/logs:import":
            return self._import(json.loads(request.body))
        if url.path == "/upload/storage/v1/b/alerts/o":
            return self._insert(request, parse_qs(url.query))
        return error(404, "NOT_FOUND", "Resource not found")

    def _publish(self, body: dict[str, Any]) -> Answer:
        messages = body["messages"]
        keys = {each.get("orderingKey", "") for each in messages}
        if not 1 <= len(messages) <= 1000 or len(keys) > 1 or len(json.dumps(body)) > 10_000_000:
            return error(400, "INVALID_ARGUMENT", "The request is invalid")
        for each in messages:
            attributes = each.get("attributes", {})
            if any(len(value.encode()) > 1024 for value in attributes.values()) or len(attributes) > 100:
                return error(400, "INVALID_ARGUMENT", "An attribute is too long")
            each["data"] = json.loads(base64.b64decode(each["data"], validate=True))
        self.messages.append(messages)
        return _json({"messageIds": [str(number) for number in range(len(messages))]})

    def _import(self, body: dict[str, Any]) -> Answer:
        logs = body["inlineSource"]["logs"]
        for each in logs:
            if each["logEntryTime"] >= each["collectionTime"]:
                return error(400, "INVALID_ARGUMENT", "collection_time must be after log_entry_time")
            each["data"] = json.loads(base64.b64decode(each["data"], validate=True))
        self.messages.append(logs)
        return _json({})

    def _insert(self, request: Request, query: dict[str, list[str]]) -> Answer:
        assert query["uploadType"] == ["multipart"]
        head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
        metadata, content = email.message_from_bytes(head + request.body, policy=HTTP).iter_parts()
        described = json.loads(metadata.get_payload(decode=True))
        name = described["name"]
        if query.get("ifGenerationMatch") == ["0"] and name in self.objects:
            body = {"error": {"code": 412, "errors": [{"reason": "conditionNotMet"}], "message": "Precondition Failed"}}
            return Answer(412, json.dumps(body).encode())
        self.objects[name] = (content.get_content_type(), content.get_payload(decode=True))
        return _json({"kind": "storage#object", "name": name, **described, "kms": query.get("kmsKeyName", [""])[0]})


def _json(body: dict[str, Any]) -> Answer:
    return Answer(200, json.dumps(body).encode(), {"Content-Type": "application/json"})


def error(code: int, status: str, message: str) -> Answer:
    """An error as google.aip.dev/193 describes it."""
    return Answer(code, json.dumps({"error": {"code": code, "message": message, "status": status}}).encode())


@lru_cache(1)
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def service_account(port: int, secure: str = "") -> dict[str, str]:
    """The key of a service account, whose tokens come from this port."""
    return {
        "type": "service_account",
        "project_id": "acme-prod",
        "private_key_id": "k1",
        "private_key": private_key(),
        "client_email": "falco@acme-prod.iam.gserviceaccount.com",
        "token_uri": f"http{secure}://127.0.0.1:{port}/token",
    }
