"""The settings of traces, as the router uses them and as the courier receives them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class TraceSettings(msgspec.Struct, frozen=True):
    """Where spans are sent, and of how many alerts."""

    endpoint: str
    """The URL that receives OTLP/HTTP."""
    headers: Mapping[str, str] = {}  # msgspec copies it
    """Headers of every request. Their values are secrets."""
    sample: float = 1.0
    """The share of alerts that are traced, from 0 to 1."""
    labels: Mapping[str, str] = {}
    """The labels of the config, which become attributes of the resource."""

    def __repr__(self) -> str:
        return f"TraceSettings({self.endpoint!r}, headers={sorted(self.headers)}, sample={self.sample})"
