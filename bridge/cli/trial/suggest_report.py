"""Suggestions as a route file with comments, and as JSON."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bridge.cli.printing.table import many, moment
from bridge.cli.trial.replay_report import time_text
from bridge.common.text import one_line

if TYPE_CHECKING:
    from bridge.workbench.suggest.noise import Noise
    from bridge.workbench.suggest.options import Option
    from bridge.workbench.suggest.suggest import Suggestion, Suggestions

_VALUE = 80


def suggest_lines(found: Suggestions, kind: str, config: str) -> Iterator[str]:
    """A route file: of each suggestion the option of this kind, or else the first one; the others as comments.

    ``config`` is the argument of ``--config`` for commands.
    """
    tally = found.tally
    if tally.first_ns is None or tally.last_ns is None:
        yield "# no alert, and so nothing to suggest"
        return
    span = f"{many(tally.alerts, 'alert')} received from {moment(tally.first_ns)} to {moment(tally.last_ns)}"
    yield f"# {tally.notifications:,} notifications for {span}."
    if not found.found:
        yield "# No combination of rule, namespace, process and pod stands out."
        return
    yield "# No file is changed. Put the routes that you want before all others; later routes do not see their alerts."
    for number, each in enumerate(found.found, 1):
        yield ""
        yield f"# {number}. {_noise_text(each.noise, tally.notifications)}"
        yield from _options(each, kind, config)


def suggest_json(found: Suggestions, config: str) -> dict[str, Any]:
    """For programs."""
    return {
        "alerts": found.tally.alerts,
        "first": time_text(found.tally.first_ns),
        "last": time_text(found.tally.last_ns),
        "notifications": found.tally.notifications,
        "suggestions": [
            {
                "fields": each.noise.fields(),
                "notifications": each.noise.notifications,
                "channels": dict(each.noise.channels),
                "highest_priority": str(each.noise.worst),
                "options": [
                    {
                        "kind": option.kind.value,
                        "condition": option.condition,
                        "routes": option.text,
                        "command": "" if option.text else _command(option, config),
                        "notifications": measured.about,
                        "held_back": measured.held_back,
                    }
                    for option, measured in each.options
                ],
            }
            for each in found.found
        ],
    }


def _noise_text(noise: Noise, total: int) -> str:
    share = f"{noise.notifications:,} of {total:,} notifications ({100 * noise.notifications / total:.1f} %)"
    values = ", ".join(
        f"{name} {one_line(value, _VALUE)}" for name, value in noise.combination._asdict().items() if value
    )
    channels = ", ".join(f"{name} {count:,}" for name, count in noise.channels.most_common())
    return f"{share}: {values}; to {channels}; highest priority {noise.worst}"


def _options(suggestion: Suggestion, kind: str, config: str) -> Iterator[str]:
    with_routes = [option for option, _ in suggestion.options if option.text]
    chosen = next((each for each in with_routes if each.kind.value == kind), next(iter(with_routes), None))
    for option, measured in suggestion.options:
        when = "" if option.text else " in the last 24 hours"
        yield f"# {option.kind.value}: would have held back {measured.held_back:,} of {measured.about:,}{when}"
        if option is chosen:
            yield option.text
        else:
            yield from (f"#   {line}".rstrip() for line in (option.text or _command(option, config)).splitlines())


def _command(option: Option, config: str) -> str:
    from bridge.common.text import visible

    return f"falco-bridge silence add {shlex.quote(visible(option.condition))} --for 24h --config {shlex.quote(config)}"
