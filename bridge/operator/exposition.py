"""Prometheus's text format, version 0.0.4, from values. Pure.

Label values come from alerts, which attackers write: each is cut, and escaped here, at the last moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from bridge.pipeline.counts import LONGEST_LABEL


@dataclass(frozen=True, slots=True)
class Metric:
    """What is measured; ``help`` is a sentence."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str


@dataclass(frozen=True, slots=True)
class Point:
    """One series' value; ``labels`` are the values in the metric's order."""

    labels: tuple[str, ...]
    value: float
    suffix: str = ""
    """Of a histogram's parts: ``_bucket``, whose last label is ``le``, ``_sum`` and ``_count``."""


@dataclass(frozen=True, slots=True)
class Family:
    """A metric with all its series."""

    metric: Metric
    points: Sequence[Point]


def render(families: Iterable[Family]) -> str:
    """The page that Prometheus scrapes; a metric without a series is not named."""
    return "".join(f"{line}\n" for family in families if family.points for line in _lines(family))


def _lines(family: Family) -> Iterator[str]:
    metric = family.metric
    yield f"# HELP {metric.name} {metric.help}"
    yield f"# TYPE {metric.name} {metric.kind}"
    seen: set[tuple[str, tuple[str, ...]]] = set()
    for point in family.points:
        labels = tuple(value[:LONGEST_LABEL] for value in point.labels)
        if (point.suffix, labels) in seen:  # two that are alike up to the cut: a page that repeats a series is refused
            continue
        seen.add((point.suffix, labels))
        names = (*metric.labels, "le") if point.suffix == "_bucket" else metric.labels
        told = ",".join(f'{name}="{_escaped(value)}"' for name, value in zip(names, labels, strict=True))
        yield (
            f"{metric.name}{point.suffix}{{{told}}} {_number(point.value)}"
            if told
            else (f"{metric.name}{point.suffix} {_number(point.value)}")
        )


def _escaped(value: str) -> str:
    whole = value.encode("utf-8", "replace").decode()
    return whole.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
