"""The OpenAPI 3.1 document, generated from the table of operations and the types of its values. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from bridge import __version__
from bridge.operator.api.operations import Operation
from bridge.operator.model.base import Problem

_REFERENCE = "#/components/schemas/{name}"
_DESCRIPTION = (
    "The operator API of a running falco-bridge. On the admin socket, the bridge's user and root may call it; on TCP, "
    "a token is required. Times are nanoseconds since 1970-01-01 UTC. New fields may be added to answers."
)


_CONSOLE = {
    "url": "{console}",
    "description": "The console, which `console` in the config starts.",
    "variables": {"console": {"default": "http://127.0.0.1:2804"}},
}


def openapi_document(operations: Iterable[Operation], served_by: str = "") -> dict[str, Any]:
    """The document as JSON values. ``served_by`` is the process that answers, as in Operation."""
    every = tuple(operations)
    types = list(dict.fromkeys([Problem, *(each.request for each in every), *(each.answer for each in every)]))
    _, schemas = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    paths: dict[str, dict[str, object]] = {}
    for each in every:
        described = _described(each, schemas)
        if each.served_by not in {"", served_by}:
            described["servers"] = [_CONSOLE]
        paths.setdefault(each.path, {})[each.method.lower()] = described
    bodies = {each.request.__name__ for each in every if each.method == "POST" and each.other_fields}
    parameters = {each.request.__name__ for each in every} - bodies
    return {
        "openapi": "3.1.0",
        "info": {"title": "falco-bridge operator API", "version": __version__, "description": _DESCRIPTION},
        "paths": paths,
        "components": {
            "schemas": {name: schema for name, schema in schemas.items() if name not in parameters},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _described(operation: Operation, schemas: Mapping[str, Any]) -> dict[str, object]:
    schema = schemas[operation.request.__name__]
    is_get = operation.method == "GET"
    fields = (*operation.path_fields, *(operation.other_fields if is_get else ()))
    described: dict[str, object] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": [_parameter(name, schema, in_path=name in operation.path_fields) for name in fields],
        "responses": {"200": _response(operation), "default": _PROBLEM},
    }
    if not is_get and operation.other_fields:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _reference(operation.request)}},
        }
    return described


def _parameter(name: str, schema: Mapping[str, Any], *, in_path: bool) -> dict[str, object]:
    return {
        "name": name,
        "in": "path" if in_path else "query",
        "required": in_path,
        "schema": schema["properties"][name],
    }


def _response(operation: Operation) -> dict[str, object]:
    content = "text/event-stream" if operation.streams else "application/json"
    return {
        "description": operation.answer.__doc__ or "",
        "content": {content: {"schema": _reference(operation.answer)}},
    }


def _reference(kind: type) -> dict[str, str]:
    return {"$ref": _REFERENCE.format(name=kind.__name__)}


_PROBLEM = {
    "description": Problem.__doc__,
    "content": {"application/problem+json": {"schema": _reference(Problem)}},
}
