"""``falco-bridge explain``: shows why each route matched an alert or did not, comparison by comparison."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bridge.cli.arguments.ids import ids_among, other_kinds
from bridge.cli.arguments.routes_input import RoutesInput, add_routes, read_routes

if TYPE_CHECKING:
    from bridge.matching.analysis.explain import Explanation
    from bridge.workbench.explanation import AlertExplanation, RouteExplanation

_LONGEST = 100
_MOST_ALERTS = 100


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "explain",
        help="show why each route matched an alert or did not",
        description="Shows, for each alert and each route, whether the route matched and, comparison by comparison, "
        "what was compared, the actual value and why it failed. Exits with 0, or with 2 if something cannot be read.",
        example="falco-bridge explain payments.route --alerts alerts.jsonl\n"
        "falco-bridge explain --config falco-bridge.yaml --id 98eb6bfa",
    )
    parser.add_argument(
        "--alerts",
        metavar="FILE",
        help="Falco's JSON lines, a container log or a journal; - is standard input "
        "(default the journal of --config, else -)",
    )
    parser.add_argument("--id", default="", metavar="ID", help="only alerts whose id starts with ID")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="text or json (default text)")
    add_routes(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Explain the alerts; returns the exit code."""
    from bridge.journal import JournalError
    from bridge.journal.location import journal_text, location_of
    from bridge.workbench.alert_files import AlertFileError, NoAlert, is_journal, read_alerts
    from bridge.workbench.explanation import Explainer

    if wrong := ids_among(args.files):
        remedy = f"for an alert's id write --id {wrong[0]}"
        print(f"falco-bridge explain: there is no file {wrong[0]}; {remedy}", file=sys.stderr)
        return 2
    routes = read_routes(args)
    if routes is None:
        return 2
    explainer = Explainer(routes.router(), routes.labels)
    count, start, other = 0, args.id.lower(), ""
    path = args.alerts or ("-" if routes.journal is None else journal_text(routes.journal))
    try:
        if path != "-" and is_journal(path):
            explainer.use_journal(location_of(path), time.time_ns())
        for each in read_alerts(path, id_start=start):
            if isinstance(each, NoAlert):
                other = other or f"; line {each.number}: {each.reason}"
            elif not each.alert.id.startswith(start):
                explainer.pass_over(each.alert, each.at_ns)
            else:
                _print(explainer.explain(each.alert, each.at_ns), each.alert.id, routes, args.format)
                count += 1
                if count == _MOST_ALERTS:
                    print(f"falco-bridge explain: only the first {count}; name one with --id", file=sys.stderr)
                    break
    except (AlertFileError, JournalError) as error:
        print(f"falco-bridge explain: {error}", file=sys.stderr)
        return 2
    if not count:
        which = f" with the id {args.id[:40]!a}{other_kinds(args.id, 'an alert')}" if args.id else ""
        where = f"in {path}" if path != "-" else "on standard input; name a file of alerts with --alerts"
        print(f"falco-bridge explain: no alert found{which or f' {where}'}{other}", file=sys.stderr)
    return 0 if count else 2


def _print(explanation: AlertExplanation, identity: str, routes: RoutesInput, form: str) -> None:
    if form == "json":
        import json

        print(json.dumps(_as_mapping(explanation, identity, routes), ensure_ascii=False))
    else:
        print("\n".join(_as_text(explanation, identity, routes)))


def _as_text(explanation: AlertExplanation, identity: str, routes: RoutesInput) -> Iterator[str]:
    from bridge.alert.alert import clock_text
    from bridge.common.text import one_line

    alert = explanation.alert
    time = clock_text("evt.time.iso8601", alert.time_ns)
    yield f"{one_line(alert.rule, _LONGEST)} ({alert.priority}, {one_line(alert.hostname, 60)}, {time}, id {identity})"
    for each in explanation.routes:
        yield f'\n  route "{each.route.name}": {_result_text(each)}'
        if each.condition is not None:
            yield from _condition_lines(each.condition, routes, "    ")
        for clause, state in each.memory:
            yield f"    {one_line(clause, _LONGEST)}: {one_line(state, _LONGEST)}"
    notified = [f"{each.channel} ({', '.join(each.routes)})" for each in explanation.notified]
    yield f"\n  notified: {', '.join(notified) or 'no channel'}\n"


def _result_text(explanation: RouteExplanation) -> str:
    from bridge.common.text import one_line
    from bridge.routing import Reason

    text = explanation.result.value + (f": {explanation.detail}" if explanation.detail else "")
    decision = explanation.decision
    expected = {Reason.SENT, Reason.UNMATCHED, Reason.DROPPED}
    if decision is None or (decision.reason in expected and not explanation.route.remembers):
        return text
    return f"{text}, {decision.reason.value}: {one_line(decision.detail or decision.reason.meaning, _LONGEST)}"


def _condition_lines(condition: Explanation, routes: RoutesInput, indent: str) -> Iterator[str]:
    from bridge.common.text import one_line
    from bridge.matching.analysis.explain import Mismatch

    mark = "✓" if condition.holds else "✗"
    if condition.parts:
        yield f"{indent}{mark} {condition.kind}"
        for part in condition.parts:
            yield from _condition_lines(part, routes, indent + "  ")
        return
    values = ", ".join(
        f"{each.name} is missing" if each.value is None else f'{each.name} is "{one_line(each.value, _LONGEST)}"'
        for each in condition.found
    )
    why = f" ({condition.why.value})" if condition.why in {Mismatch.CASE, Mismatch.VALUE} else ""
    macro = routes.loaded.checked.macro_at(condition.span)
    within = "" if macro is None else f" [macro {macro}]"
    yield f"{indent}{mark} {_source_text(condition, routes)}{within}: {values}{why}"


def _source_text(condition: Explanation, routes: RoutesInput) -> str:
    """The comparison as it is written in its file, in one line."""
    from bridge.common.text import one_line

    span = condition.span
    source = routes.loaded.sources.get(span.path)
    return one_line("?" if source is None else " ".join(source.text[span.start : span.end].split()), _LONGEST)


def _as_mapping(explanation: AlertExplanation, identity: str, routes: RoutesInput) -> dict[str, object]:
    return {
        "id": identity,
        "rule": explanation.alert.rule,
        "routes": [
            {
                "route": each.route.name,
                "matched": each.matched,
                "result": each.result.value,
                "detail": each.detail,
                "reason": None if each.decision is None else each.decision.reason.value,
                "numbers": "" if each.decision is None else each.decision.detail,
                "memory": [{"clause": clause, "state": state} for clause, state in each.memory],
                "condition": None if each.condition is None else _condition_mapping(each.condition, routes),
            }
            for each in explanation.routes
        ],
        "notifications": [{"channel": each.channel, "routes": each.routes} for each in explanation.notified],
    }


def _condition_mapping(condition: Explanation, routes: RoutesInput) -> dict[str, object]:
    mapping: dict[str, object] = {"kind": condition.kind, "holds": condition.holds}
    if condition.parts:
        return mapping | {"parts": [_condition_mapping(part, routes) for part in condition.parts]}
    span = condition.span
    return mapping | {
        "text": _source_text(condition, routes),
        "macro": routes.loaded.checked.macro_at(span),
        "place": f"{span.path}:{span.line}:{span.column}",
        "values": {each.name: each.value for each in condition.found},
        "why": condition.why.value,
    }
