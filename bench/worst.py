"""Worst cases for the matcher: alerts and routes that are made to be slow."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator
from random import Random

from msgspec.structs import replace

from bench.figures import Figure
from bench.memory import megabytes
from bench.routes import NAMESPACES, RULES, USERS, alerts_of, routes_text
from bridge.alert import Alert, Priority
from bridge.language.checker.check import check
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.source import SourceText
from bridge.matching import Matcher

_FLOOD = 200_000
_KIB = 64 << 10
_PIECES = (
    *(f"--job={number}" for number in range(500)), *(f"SECRET{number}" for number in range(50)),
    *(f"token{number}=a" for number in range(97)), *(f"healthz{number}" for number in range(25)),
)  # fmt: skip


def figures() -> Iterator[Figure]:
    """CPU milliseconds per alert, the worst of three rounds."""
    for size in (1000, 10_000):
        yield from _flooded(size)
        yield from _long(size)
    for name, conditions, field, value in _strange():
        matcher = _matcher("\n".join(f'route "{n}" {{ when {each} to x }}' for n, each in enumerate(conditions)))
        yield Figure(name, _worst(matcher, field, value), "ms/alert")


def _long(size: int) -> Iterator[Figure]:
    """Hostile alerts against realistic routes."""
    matcher = _matcher(routes_text(size))
    for name, value in (
        ("letters", lambda _rng, length: "x" * length),
        ("letters of four bytes", lambda _rng, length: "\U0001f600" * (length // 4)),
        ("pieces of the routes' own texts", lambda rng, length: " ".join(rng.choices(_PIECES, k=length // 10))),
    ):
        for length, said in ((_KIB, "64 KiB"), (1 << 20, "1 MiB")):
            cost = _worst(matcher, "proc.cmdline", lambda rng, _value=value, _length=length: _value(rng, _length))
            yield Figure(f"{size:,} routes, a command line of {said} of {name}", cost, "ms/alert")


def _strange() -> Iterator[tuple[str, list[str], str, Callable[[Random], str]]]:
    """A name, the routes' conditions, the field, and the hostile alert's value of it."""
    yield (
        "1,000 needles that end in each other, 64 KiB of their letter",
        [f'proc.cmdline contains "{"a" * number}"' for number in range(1, 1001)],
        "proc.cmdline", lambda _rng: "a" * _KIB,
    )  # fmt: skip
    yield (
        "1,000 regexes, 11 KiB that match them one after another",
        [f'proc.cmdline regex ".*(password|token{number})=[a-z0-9]+.*"' for number in range(1000)],
        "proc.cmdline", lambda rng: "".join(f"token{each}=a " for each in rng.sample(range(1000), 1000)),
    )  # fmt: skip
    yield (
        "1,000 regexes that count up to 50 letters, 4 KiB in which each may begin anywhere",
        [f'proc.cmdline regex ".*a[a-z]{{{number % 50 + 1}}}x{number}.*"' for number in range(1000)],
        "proc.cmdline", lambda rng: "".join(rng.choices("ab", k=4096)),
    )  # fmt: skip
    yield (
        "5,000 globs, 64 KiB",
        [f'fd.name glob "/var/*/x{number}*y?"' for number in range(5000)],
        "fd.name", lambda _rng: "/var/lib" + "/x7" * (_KIB // 3),
    )  # fmt: skip
    yield (
        "10,000 comparisons tried one by one (pmatch with wildcards)",
        [f"fd.name pmatch (/var/*/x{number})" for number in range(10_000)],
        "fd.name", lambda _rng: "/var/lib/x7/y",
    )  # fmt: skip
    yield (
        "10,000 comparisons of two fields",
        [f"proc.cmdline contains val(my.field{number % 50})" for number in range(10_000)],
        "proc.cmdline", lambda _rng: "sh",
    )  # fmt: skip
    yield (
        "10,000 lists of networks that all hold the address",
        [f"fd.cip in (10.0.0.0/8, 192.168.{number // 256}.{number % 256})" for number in range(10_000)],
        "fd.cip", lambda rng: f"10.{rng.randrange(256)}.{rng.randrange(256)}.",
    )  # fmt: skip


def _flooded(size: int) -> Iterator[Figure]:
    """Values, or combinations of values, that never occurred before, so that no cache helps."""
    matcher, rng = _matcher(routes_text(size)), Random(5)
    known = alerts_of(300, seed=3)
    gc.collect()
    before, spent = megabytes(os.getpid()), 0.0
    for number in range(_FLOOD):
        alert = _hostile(rng, known[number % len(known)], number)
        started = time.process_time()
        matcher.match(alert, 0)
        spent += time.process_time() - started
    yield Figure(f"{size:,} routes, {_FLOOD:,} hostile alerts", spent / _FLOOD * 1000, "ms/alert")
    yield Figure(f"{size:,} routes, memory that these add", megabytes(os.getpid()) - before, "MiB")


def _hostile(rng: Random, alert: Alert, number: int) -> Alert:
    fields = dict(alert.fields)
    match number % 5:
        case 0:
            fields["proc.cmdline"] = " ".join(rng.choices(_PIECES, k=60))
        case 1:
            fields = {name: f"{text}{number}" for name, text in fields.items()}
        case 2:
            fields |= {"k8s.ns.name": rng.choice(NAMESPACES), "user.name": rng.choice(USERS)}
        case 3:
            tags = tuple(f"{number}-{each}" for each in range(20))
            return replace(alert, rule=rng.choice(RULES), priority=Priority(number % 8), tags=tags)
        case _:
            fields |= {
                "container.image.repository": "\U0001f600" * 200 + f"/app{number % 150}",
                "fd.cip": f"10.0.{number}",
            }
    return replace(alert, fields=fields)


def _matcher(text: str) -> Matcher:
    checked = check([SourceText("worst.route", text)], Known(None, None))
    assert checked.program is not None, checked.diagnostics[:3]
    return Matcher(checked.program, {})


def _worst(matcher: Matcher, field: str, value: Callable[[Random], str]) -> float:
    """CPU milliseconds, after the tables are built and all alternatives are active."""
    rng = Random(9)
    alerts = [_with_field(alert, field, f"{value(rng)}{number}") for number, alert in enumerate(alerts_of(5, seed=7))]
    costs = [_milliseconds(matcher, alert) for alert in alerts]
    return max(costs[2:])


def _with_field(alert: Alert, field: str, text: str) -> Alert:
    return replace(alert, fields={**alert.fields, field: text})


def _milliseconds(matcher: Matcher, alert: Alert) -> float:
    started = time.process_time()
    matcher.match(alert, 0)
    return (time.process_time() - started) * 1000
