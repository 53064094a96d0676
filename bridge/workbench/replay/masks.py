"""Finds conditions that cannot be evaluated on recorded alerts, because ``redact`` removed what they read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bridge.alert import Alert
from bridge.language.program.fields.carriers import carriers_of
from bridge.language.program.program import Program, Redaction, Route
from bridge.matching.analysis.reach import compared_fields

_OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class Unjudged:
    """A route that reads a field whose original text is masked in stored alerts."""

    route: str
    field: str
    alerts: int
    """How many alerts have a mask in the field. The route may have decided otherwise about these."""


class Masks:
    """The masks of redactions in the fields that routes compare."""

    def __init__(self, program: Program, redactions: Iterable[Redaction]) -> None:
        """``redactions`` are those that were in use, as far as they are known."""
        by_field: dict[str, set[str]] = {}
        for redaction in redactions:
            for name in redaction.fields:
                if redaction.replacement:
                    by_field.setdefault(name, set()).add(redaction.replacement)
                    by_field.setdefault(_OUTPUT, set()).add(redaction.replacement)
        self._readers = _readers(program.routes)
        self._masks = {name: tuple(sorted(by_field[name])) for name in sorted(by_field.keys() & self._readers.keys())}

    def __bool__(self) -> bool:
        return bool(self._masks)

    def fields_masked(self, alert: Alert) -> list[str]:
        """The fields of an alert that contain a mask, of those that routes compare."""
        return [
            name
            for name, masks in self._masks.items()
            if (text := alert.output if name == _OUTPUT else alert.fields.get(name))
            and any(mask in text for mask in masks)
        ]

    def unjudged(self, masked: Mapping[str, int]) -> list[Unjudged]:
        """The routes concerned, from the number of alerts with a mask by field."""
        return [
            Unjudged(route, name, masked[name])
            for name in self._masks
            if masked.get(name)
            for route in self._readers[name]
        ]


def _readers(routes: Iterable[Route]) -> dict[str, list[str]]:
    """The routes that compare each field."""
    readers: dict[str, list[str]] = {}
    for route in routes:
        for name in compared_fields(route):
            carriers = carriers_of(name)
            for carrier in (name,) if carriers is None else carriers.names:
                readers.setdefault(carrier, []).append(route.name)
    return readers
