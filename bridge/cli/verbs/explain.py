"""``falco-bridge explain``: why each route matched an alert, or did not, comparison by comparison."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bridge.cli.routes_input import RoutesInput, add_routes, read_routes

if TYPE_CHECKING:
    from bridge.language.program.program import Route
    from bridge.matching.analysis.explain import Explanation
    from bridge.routing import Routed
    from bridge.routing.router import Router
    from bridge.workbench.alert_files import Line

_LONGEST = 100
_MOST_ALERTS = 100


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "explain",
        help="show why each route matched an alert, or did not",
        description="For each alert and each route: the verdict and, comparison by comparison, what was compared, the "
        "actual value, and why it failed. Exits with 0, or with 2 where something cannot be read.",
        example="falco-bridge explain payments.route --alert alerts.jsonl\n"
        "falco-bridge explain --config falco-bridge.yaml --id 98eb6bfa",
    )
    parser.add_argument(
        "--alert",
        metavar="FILE",
        help="Falco's JSON lines, a container log or a journal; - is standard input (the journal of --config, else -)",
    )
    parser.add_argument("--id", default="", metavar="ID", help="only alerts whose id begins so")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="text for people, or json (text)")
    add_routes(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Explain."""
    from bridge.workbench.alert_files import AlertFileError, Line, read_alerts

    routes = read_routes(args)
    if routes is None:
        return 2
    router = routes.router()
    told = 0
    try:
        for each in read_alerts(args.alert or str(routes.journal or "-")):
            if isinstance(each, Line) and each.alert.id.startswith(args.id):
                _tell(each, routes, router, args.format)
                told += 1
                if told == _MOST_ALERTS:
                    print(f"falco-bridge explain: only the first {told}; name one with --id", file=sys.stderr)
                    break
    except AlertFileError as error:
        print(f"falco-bridge explain: {error}", file=sys.stderr)
        return 2
    if not told:
        print("falco-bridge explain: no alert there" + (f" with the id {args.id}" if args.id else ""), file=sys.stderr)
    return 0 if told else 2


def _tell(recorded: Line, routes: RoutesInput, router: Router, form: str) -> None:
    from bridge.routing.state import NO_STATE

    line = replace(recorded, alert=router.complete(recorded.alert))
    routed = router.step(NO_STATE, line.alert, line.at_ns)
    if form == "json":
        import json

        print(json.dumps(_as_mapping(line, routes, routed), ensure_ascii=False))
    else:
        print("\n".join(_text(line, routes, routed)))


def _verdicts(line: Line, routes: RoutesInput, routed: Routed) -> Iterator[tuple[Route, str, Explanation | None]]:
    """Each route with its verdict in a word or two, and the reason where a condition gave it."""
    from bridge.matching.analysis.explain import explain

    alert = line.alert
    matched = {decision.route for decision in routed.decisions}
    ended = ""
    for route in routes.program.routes:
        reason = None if route.when is None else explain(route.when, alert, routes.labels)
        if route.name in matched:
            verdict = "dropped" if route.drop else "matched"
        elif ended:
            verdict = f'not asked: "{ended}" ended it'
        elif closed := [each.refusal() for each in route.during if not each.holds(line.at_ns)]:
            verdict = f"no match: {closed[0]}"
        elif reason is None or reason.holds:
            verdict = "no match: internal alerts reach only routes that test `source`"
        else:
            verdict = "no match"
        if route.name in matched and (route.drop or route.stop):
            ended = route.name
        yield route, verdict, reason


def _text(line: Line, routes: RoutesInput, routed: Routed) -> Iterator[str]:
    from bridge.alert.alert import clock_text
    from bridge.common.text import one_line

    alert = line.alert
    moment = clock_text("evt.time.iso8601", alert.time_ns)
    said = f"{alert.priority}, {one_line(alert.hostname, 60)}, {moment}, id {alert.id}"
    yield f"{one_line(alert.rule, _LONGEST)} ({said})"
    for route, verdict, reason in _verdicts(line, routes, routed):
        yield f'\n  route "{route.name}": {verdict}'
        if reason is not None:
            yield from _reason_lines(reason, routes, "    ")
    told = [f"{each.channel} ({', '.join(each.routes)})" for each in routed.notifications]
    yield f"\n  told: {', '.join(told) or 'nobody'}\n"


def _reason_lines(reason: Explanation, routes: RoutesInput, indent: str) -> Iterator[str]:
    from bridge.common.text import one_line

    mark = "✓" if reason.holds else "✗"
    if reason.parts:
        yield f"{indent}{mark} {reason.kind}"
        for part in reason.parts:
            yield from _reason_lines(part, routes, indent + "  ")
        return
    values = ", ".join(
        f"{each.name} is missing" if each.value is None else f'{each.name} is "{one_line(each.value, _LONGEST)}"'
        for each in reason.found
    )
    why = f" ({reason.why.value})" if reason.why.value in {"other case", "other value"} else ""
    macro = routes.loaded.checked.macro_at(reason.span)
    within = "" if macro is None else f" [macro {macro}]"
    yield f"{indent}{mark} {_source(reason, routes)}{within}: {values}{why}"


def _source(reason: Explanation, routes: RoutesInput) -> str:
    """The comparison as it stands in its file."""
    from bridge.common.text import one_line

    span = reason.span
    source = routes.loaded.sources.get(span.path)
    return one_line("?" if source is None else " ".join(source.text[span.start : span.end].split()), _LONGEST)


def _as_mapping(line: Line, routes: RoutesInput, routed: Routed) -> dict[str, object]:
    return {
        "id": line.alert.id,
        "rule": line.alert.rule,
        "routes": [
            {
                "route": route.name,
                "verdict": verdict,
                "matched": verdict in {"matched", "dropped"},
                "reason": None if reason is None else _reason_mapping(reason, routes),
            }
            for route, verdict, reason in _verdicts(line, routes, routed)
        ],
    }


def _reason_mapping(reason: Explanation, routes: RoutesInput) -> dict[str, object]:
    told: dict[str, object] = {"kind": reason.kind, "holds": reason.holds}
    if reason.parts:
        return told | {"parts": [_reason_mapping(part, routes) for part in reason.parts]}
    span = reason.span
    return told | {
        "condition": _source(reason, routes),
        "macro": routes.loaded.checked.macro_at(span),
        "place": f"{span.path}:{span.line}:{span.column}",
        "values": {each.name: each.value for each in reason.found},
        "why": reason.why.value,
    }
