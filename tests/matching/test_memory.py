"""The caches of the matcher are bounded for any alerts."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from random import Random

import pytest
from msgspec.structs import replace

from bench.routes import alerts_of, routes_text
from bridge.alert import Alert
from bridge.language.checker.check import check
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.source import SourceText
from bridge.language.program.program import Program
from bridge.matching import Matcher, matcher
from bridge.matching.index import index

BOUND = 1 << 20
ALERTS = alerts_of(50)
RANDOM = Random(0)


def program_of(text: str) -> Program:
    checked = check([SourceText("t", text)], Known(None, None))
    assert checked.program is not None
    return checked.program


def with_fields(number: int, fields: dict[str, str]) -> Alert:
    alert = ALERTS[number % len(ALERTS)]
    return replace(alert, fields={**alert.fields, **fields})


def of_wide_letters(number: int) -> Alert:
    """Every field is new, and every character has four bytes."""
    return with_fields(number, {name: "\U0001f600" * 150 + str(number) for name in ALERTS[0].fields})


def of_many_tags(number: int) -> Alert:
    return replace(ALERTS[0], tags=tuple(f"{number}-{each}" * 100 for each in range(20)))


def of_no_address(number: int) -> Alert:
    return with_fields(number, {"fd.cip": f"{number}" + "x" * 50_000})


def of_many_matches(number: int) -> Alert:
    return with_fields(number, {"proc.cmdline": " ".join(f"<{each}>" for each in RANDOM.sample(range(1000), 800))})


FEW = routes_text(100)
MANY = "\n".join(f'route "r{number}" {{ when proc.cmdline contains "<{number}>" to x }}' for number in range(1000))


@pytest.mark.parametrize(
    ("text", "flood", "count"),
    [(FEW, of_wide_letters, 2500), (FEW, of_many_tags, 1000), (FEW, of_no_address, 300), (MANY, of_many_matches, 400)],
)
def test_caches_are_bounded(
    monkeypatch: pytest.MonkeyPatch, text: str, flood: Callable[[int], Alert], count: int
) -> None:
    """The bound is in bytes: long values, lists, invalid addresses, combinations of routes."""
    for module, name in ((index, "MEMO_BYTES"), (index, "GROUP_BYTES"), (matcher, "_CACHE_BYTES")):
        monkeypatch.setattr(module, name, BOUND)
    made = Matcher(program_of(text), {})
    for alert in ALERTS:
        made.match(alert, 0)
    tracemalloc.start()
    for number in range(count):
        made.match(flood(number), 0)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 2 * BOUND
