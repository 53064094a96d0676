"""``falco-bridge test``: runs the tests that .route files hold, and holds routes against recorded alerts."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.cli.routes_input import RoutesInput, add_routes, read_routes

if TYPE_CHECKING:
    from bridge.language.program.program import Route
    from bridge.workbench.alert_files import Line
    from bridge.workbench.route_tests import Failure

_BOUND = re.compile(r'(?P<what>to\s+\S+|"[^"]+"|\S.*?)\s+(?P<how>exactly|at most|at least)\s+(?P<count>\d+)')
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Bound:
    """``"rm -rf in prod" exactly 3``, ``to pager at most 10``."""

    text: str
    channel: bool
    name: str
    how: str
    count: int

    def holds(self, found: int) -> bool:
        """Whether so many are within the bound."""
        if self.how == "exactly":
            return found == self.count
        return found <= self.count if self.how == "at most" else found >= self.count


@dataclass(frozen=True, slots=True)
class Result:
    """One test and what went wrong in it."""

    name: str
    path: str
    failures: tuple[str, ...]


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "test",
        help="run the tests in .route files, or hold routes against recorded alerts",
        description="Runs every `test` of the files, in virtual time. With --alerts, sends recorded alerts through the "
        "routes and counts. Exits with 0 where all passed, 1 where one failed, 2 on a mistake.",
        example="falco-bridge test payments.route --alerts alerts.jsonl --expect 'to pager at most 10'",
    )
    add_routes(parser)
    parser.add_argument("--alerts", action="append", default=[], metavar="FILE", help="recorded alerts; - is stdin")
    parser.add_argument(
        "--expect", type=_bound, action="append", default=[], metavar="BOUND",
        help="'ROUTE exactly N', 'ROUTE at most N', 'ROUTE at least N'; for a channel: 'to CHANNEL exactly N'",
    )  # fmt: skip
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write the results as JUnit XML too")
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> int:
    """Run them all."""
    from bridge.workbench.alert_files import AlertFileError

    if bool(args.expect) is not bool(args.alerts):
        args.parser.error("--alerts and --expect belong together")
    routes = read_routes(args)
    if routes is None:
        return 2
    known = [bound for bound in args.expect if _is_known(bound, routes)]
    try:
        results = [*_own_tests(routes), *_corpus(routes, args.alerts, known)]
    except AlertFileError as error:
        print(f"falco-bridge test: {error}", file=sys.stderr)
        return 2
    unknown = [bound for bound in args.expect if bound not in known]
    for bound in unknown:
        print(f"falco-bridge test: --expect {bound.text!r} names no route and no channel here", file=sys.stderr)
    _tell(results)
    if args.junit is not None:
        try:
            args.junit.write_text(_junit(results), encoding="utf-8")
        except OSError as error:
            print(f"{args.junit}: cannot be written ({error.strerror})", file=sys.stderr)
            return 2
    if unknown or not results:
        if not results:
            print('falco-bridge test: there are no tests; write: test "…" { event { … } expect … }', file=sys.stderr)
        return 2
    return 1 if any(result.failures for result in results) else 0


def _own_tests(routes: RoutesInput) -> Iterator[Result]:
    from bridge.common.text import one_line
    from bridge.workbench.route_tests import RouteTestRunner

    rehearsal = RouteTestRunner(routes.router(), routes.labels)
    for case in routes.loaded.checked.tests:
        failures = tuple(_placed(failure) for failure in rehearsal.run(case))
        yield Result(one_line(case.name, _LONGEST), case.span.path, failures)


def _placed(failure: Failure) -> str:
    span = failure.span
    return f"{span.path}:{span.line}:{span.column}: {failure.message}"


def _corpus(routes: RoutesInput, files: Sequence[str], bounds: Sequence[Bound]) -> Iterator[Result]:
    """The counts of a corpus: how many alerts each route acted on, and each channel heard of."""
    from collections import Counter

    from bridge.routing.state import NO_STATE
    from bridge.workbench.unsupported import clauses_with_memory

    if not bounds:
        return
    router = routes.router()
    by_route: Counter[str] = Counter()
    by_channel: Counter[str] = Counter()
    for path in files:
        for line in _alerts_of(path):
            routed = router.step(NO_STATE, router.complete(line.alert), line.at_ns)
            by_route.update(decision.route for decision in routed.decisions)
            by_channel.update(notification.channel for notification in routed.notifications)
    unready = [route for route in routes.program.routes if route.name in by_route and clauses_with_memory(route)]
    for bound in bounds:
        failures = _uncounted(bound, unready)
        if not failures:
            found = (by_channel if bound.channel else by_route)[bound.name]
            failures = () if bound.holds(found) else (f"there were {found}",)
        yield Result(bound.text, ", ".join(files), failures)


def _alerts_of(path: str) -> Iterator[Line]:
    """Raises AlertFileError also where no line is one: bounds that hold of nothing prove nothing."""
    from bridge.workbench.alert_files import AlertFileError, Line, read_alerts, skipped

    alerts = others = 0
    for each in read_alerts(path):
        if isinstance(each, Line):
            alerts += 1
            yield each
        else:
            others += 1
    if not alerts:
        raise AlertFileError(f"{path}: holds no alert; give Falco's JSON lines, a container log or a journal")
    if others:
        print(f"falco-bridge test: {path}: {skipped(others)}", file=sys.stderr)


def _uncounted(bound: Bound, unready: Sequence[Route]) -> tuple[str, ...]:
    """Why this cannot be counted: a route has a part in it that uses a clause that is not implemented."""
    from bridge.workbench.unsupported import clauses_with_memory

    for route in unready:
        channels = {*route.to, *(each.channel for each in route.escalations)}
        if bound.name in channels if bound.channel else bound.name == route.name:
            clause = clauses_with_memory(route)[0]
            return (f'cannot be counted yet: route "{route.name}" uses `{clause}`, which is not implemented yet',)
    return ()


def _is_known(bound: Bound, routes: RoutesInput) -> bool:
    program = routes.program
    if bound.channel:
        return bound.name in {*program.otherwise, *(name for route in program.routes for name in route.to)}
    return bound.name == "otherwise" or bound.name in {route.name for route in program.routes}


def _tell(results: Sequence[Result]) -> None:
    for result in results:
        print(f"{'FAIL' if result.failures else 'ok  '}  {result.name}")
        for failure in result.failures:
            print(f"      {failure}")
    failed = sum(bool(result.failures) for result in results)
    print(f"{len(results) - failed} passed, {failed} failed")


def _junit(results: Sequence[Result]) -> str:
    from xml.sax.saxutils import escape, quoteattr

    from bridge.common.text import visible

    failed = sum(bool(result.failures) for result in results)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuite name="falco-bridge" tests="{len(results)}" failures="{failed}" errors="0">',
    ]
    for result in results:
        head = f"  <testcase classname={quoteattr(result.path)} name={quoteattr(result.name)}"
        if not result.failures:
            lines.append(f"{head}/>")
            continue
        said = [visible(each) for each in result.failures]  # XML has no place for control characters
        text = escape("\n".join(said))
        lines += [f"{head}>", f"    <failure message={quoteattr(said[0])}>{text}</failure>"]
        lines.append("  </testcase>")
    return "\n".join([*lines, "</testsuite>", ""])


def _bound(text: str) -> Bound:
    match = _BOUND.fullmatch(text.strip())
    if match is None:
        raise argparse.ArgumentTypeError("write 'ROUTE exactly N', 'ROUTE at most N' or 'ROUTE at least N'")
    what = match["what"]
    channel = what.startswith("to ")
    name = what[3:].strip() if channel else what.strip('"')
    return Bound(text, channel, name, match["how"], int(match["count"]))
