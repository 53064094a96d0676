"""Names on the command line that a config does not have: what to say about them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from bridge.common.suggest import did_you_mean

_LONGEST = 80


def unknown_names(
    config: Path | None, *, route: str = "", channel: str = "", rules: Sequence[str] = ()
) -> Iterator[str]:
    """A sentence for each name that the config does not have. Nothing without a config that can be read.

    The journal may have names of earlier configs. So an unknown name is worth saying only where nothing was found.
    """
    from bridge.config.load import RoutingConfig, find_routing_config
    from bridge.workbench.routes import load_routes

    found = None if config is None else find_routing_config(config, os.environ)
    if not isinstance(found, RoutingConfig):
        return
    if channel:
        yield from _unknown("channel", channel, found.channels)
    if not route and not rules:
        return
    loaded = load_routes(found.routes, found.known, advice=False)
    program = loaded.checked.program
    if route and program is not None:
        yield from _unknown("route", route, ["otherwise", *(each.name for each in program.routes)])
    if loaded.falco_rules is not None:
        for rule in rules:
            yield from _unknown("rule", rule, loaded.falco_rules.rules)


def _unknown(kind: str, name: str, known: Iterable[str]) -> Iterator[str]:
    from bridge.common.text import one_line

    names = list(known)
    if name not in names:
        hint = did_you_mean(name, names)
        has = "routes import no" if kind == "rule" else "config has no"
        yield f"the {has} {kind} `{one_line(name, _LONGEST)}`" + (f"; {hint}" if hint else "")
