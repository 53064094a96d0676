"""Elasticsearch's bulk API and Splunk's HTTP Event Collector on loopback, as their documentation describes them.

They store what they accept, so a test can say what is stored, and how often.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.far_side import Answer, Request

_TYPES = {bool: "boolean", int: "long", float: "float", str: "text", dict: "object"}


@dataclass
class FakeElastic:
    """The bulk API. Types of fields are those of the first document, as with dynamic mapping."""

    authorization: str = ""
    limit: int = 1 << 30
    """Bytes of a request (http.max_content_length)."""
    busy: set[str] = field(default_factory=set)
    """Ids that are answered with 429 once."""
    closed: str = ""
    """The type of the error that every document gets."""
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By ``INDEX/ID``."""
    requests: int = 0
    _types: dict[str, dict[str, str]] = field(default_factory=dict)

    def __call__(self, request: Request) -> Answer:
        self.requests += 1
        url = urlsplit(request.path)
        if request.headers.get("Authorization", "") != self.authorization:
            error = {"type": "security_exception", "reason": "missing authentication credentials"}
            return _json(401, {"error": error, "status": 401})
        if len(request.body) > self.limit:
            return Answer(413, b"")
        assert url.path.endswith("/_bulk"), url.path
        assert request.headers["Content-Type"] == "application/x-ndjson"
        assert request.body.endswith(b"\n"), "the last line must end with a newline"
        lines = [json.loads(line) for line in request.body.splitlines()]
        items = [
            {"create": self._create(action["create"], document)}
            for action, document in zip(lines[::2], lines[1::2], strict=True)
        ]
        errors = any("error" in item["create"] for item in items)
        answer = {"took": 3, "errors": errors, "items": items}
        return _json(200, _filtered(answer, parse_qs(url.query)["filter_path"][0]))

    def _create(self, action: Mapping[str, str], document: dict[str, Any]) -> dict[str, Any]:
        index, identity = action["_index"], action["_id"]
        base = {"_index": index, "_id": identity}
        if self.closed:
            return base | {"status": 403, "error": {"type": self.closed, "reason": "index is closed for writes"}}
        if identity in self.busy:
            self.busy.discard(identity)
            reason = "rejected execution of coordinating operation"
            return base | {"status": 429, "error": {"type": "es_rejected_execution_exception", "reason": reason}}
        if f"{index}/{identity}" in self.documents:
            reason = f"[{identity}]: version conflict, document already exists (current version [1])"
            return base | {"status": 409, "error": {"type": "version_conflict_engine_exception", "reason": reason}}
        types = self._types.setdefault(index, {})
        for name, kind in _typed(document, ""):
            if types.setdefault(name, kind) != kind:
                cause = {"type": "illegal_argument_exception", "reason": "For input string"}
                reason = f"[1:42] failed to parse field [{name}] of type [{types[name]}]"
                error = {"type": "document_parsing_exception", "reason": reason, "caused_by": cause}
                return base | {"status": 400, "error": error}
        self.documents[f"{index}/{identity}"] = document
        return base | {"_version": 1, "result": "created", "status": 201}


def _typed(value: dict[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    """Every field with its type; a dot in a name makes an object, as Elasticsearch reads it."""
    for name, inner in value.items():
        parts = f"{prefix}{name}".split(".")
        yield from ((".".join(parts[:end]), "object") for end in range(1, len(parts)))
        if isinstance(inner, dict):
            yield f"{prefix}{name}", "object"
            yield from _typed(inner, f"{prefix}{name}.")
        elif not isinstance(inner, list):
            yield f"{prefix}{name}", _TYPES[type(inner)]


def _filtered(answer: dict[str, Any], wanted: str) -> dict[str, Any]:
    assert wanted.startswith("errors,items.*.status,items.*.error.type")
    kept = [
        {name: {key: item[key] for key in ("status", "error") if key in item} for name, item in each.items()}
        for each in answer["items"]
    ]
    return {"errors": answer["errors"], "items": kept}


@dataclass
class FakeSplunk:
    """The HTTP Event Collector of one token."""

    token: str = "token-of-the-collector"  # of a test
    indexes: frozenset[str] = frozenset({"main"})
    acknowledges: bool = False
    unready: int = 0
    """How many questions for an acknowledgement are answered with false."""
    busy: int = 0
    """How many requests are answered with 503."""
    events: list[dict[str, Any]] = field(default_factory=list)
    channels: set[str] = field(default_factory=set)

    def __call__(self, request: Request) -> Answer:
        if request.headers.get("Authorization") != f"Splunk {self.token}":
            return _json(403, {"text": "Invalid token", "code": 4})
        if self.acknowledges and "X-Splunk-Request-Channel" not in request.headers:
            return _json(400, {"text": "Data channel is missing", "code": 10})
        self.channels.add(request.headers.get("X-Splunk-Request-Channel", ""))
        path = urlsplit(request.path).path
        if path.endswith("/services/collector/ack"):
            return self._acks(json.loads(request.body)["acks"])
        assert path.endswith("/services/collector/event"), path
        if self.busy:
            self.busy -= 1
            return _json(503, {"text": "Server is busy", "code": 9})
        return self._take(request.body.decode())

    def _take(self, text: str) -> Answer:
        decoder, at, events = json.JSONDecoder(), 0, []
        while at < len(text):
            event, at = decoder.raw_decode(text, at)
            at += len(text[at:]) - len(text[at:].lstrip())
            number = len(events)
            if not event.get("event"):
                return _json(400, {"text": "Event field cannot be blank", "code": 13, "invalid-event-number": number})
            if event.get("index", "main") not in self.indexes:
                return _json(400, {"text": "Incorrect index", "code": 7, "invalid-event-number": number})
            if any(not isinstance(value, str) for value in event.get("fields", {}).values()):
                invalid = {"text": "Error in handling indexed fields", "code": 15, "invalid-event-number": number}
                return _json(400, invalid)
            events.append(event)
        self.events += events
        more = {"ackId": len(self.events)} if self.acknowledges else {}
        return _json(200, {"text": "Success", "code": 0, **more})

    def _acks(self, numbers: list[int]) -> Answer:
        ready = not self.unready
        self.unready = max(self.unready - 1, 0)
        return _json(200, {"acks": {str(number): ready for number in numbers}})


def _json(status: int, body: object) -> Answer:
    return Answer(status, json.dumps(body).encode(), {"Content-Type": "application/json"})
