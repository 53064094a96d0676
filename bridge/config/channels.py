"""What a config may say of a channel beside its URL, and what of it cannot be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import yaml

from bridge.common.durations import parse_duration
from bridge.common.suggest import did_you_mean
from bridge.config.reader import Reader
from bridge.delivery.options import ChannelOptions, Rate
from bridge.delivery.service_limits import default_options

OPTIONS = (
    "rate",
    "burst",
    "concurrency",
    "fallback",
    "give_up_after",
    "digest_after",
    "notify_after",
    "attempt_timeout",
)
"""The keys of a channel beside ``url``."""
_RATE = re.compile(r"(?P<count>\d+(\.\d+)?)\s*(?:/\s*(?P<unit>s|sec|second|m|min|minute|h|hour)|per\s+(?P<span>\w+))")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_UNLIMITED = "unlimited"
_NEVER = "never"
_MOST_THREADS = 64
_LONGEST_ATTEMPT = 3600.0
_SECOND = 1_000_000_000


def read_options(reader: Reader, entries: Mapping[str, yaml.Node], scheme: str) -> ChannelOptions:
    """The options among a channel's entries, over the defaults of its service; mistakes are noted."""
    options = default_options(scheme)
    if "rate" in entries:
        options = replace(options, rate=_rate(reader, entries["rate"]))
    if "burst" in entries:
        options = replace(options, rate=_burst(reader, entries["burst"], options.rate))
    if "concurrency" in entries:
        options = replace(options, concurrency=_whole(reader, entries["concurrency"], "concurrency", _MOST_THREADS))
    if "fallback" in entries:
        options = replace(options, fallback=reader.text(entries["fallback"], "fallback"))
    if "digest_after" in entries:
        options = replace(options, digest_after=_digest_after(reader, entries["digest_after"]))
    if "give_up_after" in entries:
        options = replace(options, give_up_after=_seconds(reader, entries["give_up_after"], "give_up_after"))
    if "notify_after" in entries:
        options = replace(options, notify_after=_seconds(reader, entries["notify_after"], "notify_after"))
    if "attempt_timeout" in entries:
        options = replace(options, attempt_timeout=_seconds(reader, entries["attempt_timeout"], "attempt_timeout"))
    if options.attempt_timeout > _LONGEST_ATTEMPT:
        reader.wrong(entries["attempt_timeout"], "`attempt_timeout` is longer than an hour", "a minute is the default")
    return options


def check_fallbacks(
    reader: Reader, options: Mapping[str, ChannelOptions], nodes: Mapping[str, Mapping[str, yaml.Node]]
) -> None:
    """Every fallback must be another channel, and no chain of them may lead back to where it began."""
    for name, each in options.items():
        if each.fallback is None:
            continue
        node = nodes[name]["fallback"]
        if each.fallback not in options:
            hint = did_you_mean(each.fallback, options) or f"the channels are {', '.join(options)}"
            reader.wrong(node, f"the fallback of channel {name} is no channel: `{each.fallback}`", hint)
        elif (chain := _chain(name, options))[-1] == name:
            told = " → ".join(chain)
            reader.wrong(
                node, f"the fallbacks lead in a circle: {told}", "let one of them have no fallback: who hears last?"
            )


def _chain(name: str, options: Mapping[str, ChannelOptions]) -> list[str]:
    """The channels from one to its last fallback, or until one comes again."""
    chain = [name]
    while (following := options[chain[-1]].fallback) in options:
        assert following is not None
        chain.append(following)
        if following in chain[:-1]:
            break
    return chain


def _rate(reader: Reader, node: yaml.Node) -> Rate | None:
    text = reader.text(node, "rate")
    if text == _UNLIMITED:
        return None
    match = _RATE.fullmatch(text)
    seconds = 0.0 if match is None else _span(match)
    if match is None or seconds <= 0 or float(match["count"]) <= 0:
        reader.wrong(node, f"`{text}` is no rate", "like 1/s, 120/min, 5 per 2s, or unlimited")
        return None
    return Rate(float(match["count"]), seconds)


def _span(match: re.Match[str]) -> float:
    if match["unit"] is not None:
        return _UNITS[match["unit"][0]]
    span = match["span"]
    nanoseconds = parse_duration(span)
    return 0.0 if nanoseconds is None else nanoseconds / _SECOND


def _burst(reader: Reader, node: yaml.Node, rate: Rate | None) -> Rate | None:
    burst = _whole(reader, node, "burst", 1_000_000)
    if rate is None:
        reader.wrong(node, "`burst` needs a `rate`", "a channel without a rate is not held back at all")
        return None
    return replace(rate, burst=float(burst))


def _digest_after(reader: Reader, node: yaml.Node) -> int | None:
    if isinstance(node, yaml.ScalarNode) and node.value == _NEVER:
        return None
    return _whole(reader, node, "digest_after", 1_000_000, f", or {_NEVER}")


def _whole(reader: Reader, node: yaml.Node, what: str, most: int, also: str = "") -> int:
    text = reader.text(node, what)
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= most:
        reader.wrong(node, f"`{what}` cannot be `{text}`", f"a whole number from 1 to {most}{also}")
        return 1
    return int(text)


def _seconds(reader: Reader, node: yaml.Node, what: str) -> float:
    return reader.duration(node, what, _SECOND) / _SECOND
