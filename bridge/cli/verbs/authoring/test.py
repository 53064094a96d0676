"""``falco-bridge test``: runs the tests in .route files, and counts what routes do with recorded alerts."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.cli.arguments.routes_input import RoutesInput, add_routes, read_routes

if TYPE_CHECKING:
    from bridge.cli.printing.junit import TestResult
    from bridge.routing.router import Router
    from bridge.workbench.alert_files import Line
    from bridge.workbench.bounds import Bound
    from bridge.workbench.expectations import Failure

_LONGEST = 200


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "test",
        help="run the tests in .route files, or count what routes do with recorded alerts",
        description="Runs every `test` of the files in virtual time. With --alerts, routes recorded alerts and "
        "compares the counts with --expect. Exits with 0 if all passed, 1 if one failed, 2 on an error.",
        example="falco-bridge test payments.route --alerts alerts.jsonl --expect 'to pager at most 10'",
    )
    add_routes(parser)
    parser.add_argument(
        "--alerts", action="append", default=[], metavar="FILE", help="recorded alerts; - is standard input"
    )
    parser.add_argument(
        "--expect", type=_bound, action="append", default=[], metavar="BOUND",
        help="'ROUTE exactly N', 'at most N' or 'at least N' alerts that the route matches, held back or not; "
        "'to CHANNEL exactly N' notifications",
    )  # fmt: skip
    parser.add_argument("--junit", type=Path, metavar="FILE", help="also write the results as JUnit XML")
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> int:
    """Run all tests; returns the exit code."""
    from bridge.workbench.alert_files import AlertFileError
    from bridge.workbench.bounds import unknown_bounds

    if bool(args.expect) is not bool(args.alerts):
        args.parser.error("--alerts and --expect require each other")
    routes = read_routes(args)
    if routes is None:
        return 2
    unknown = unknown_bounds(args.expect, routes.program)
    known = [bound for bound in args.expect if bound not in unknown]
    router = routes.router()
    try:
        results = [*_route_tests(routes, router), *_bound_tests(router, args.alerts, known)]
    except AlertFileError as error:
        print(f"falco-bridge test: {error}", file=sys.stderr)
        return 2
    for bound in unknown:
        print(
            f"falco-bridge test: --expect {bound.text!r} names no route or channel of these files; "
            "write 'ROUTE exactly N' or 'to CHANNEL exactly N'",
            file=sys.stderr,
        )
    _print(results)
    if not results:
        print('falco-bridge test: no tests; write: test "…" { event { … } expect … }', file=sys.stderr)
    written = args.junit is None or _write_junit(args.junit, results)
    if unknown or not results or not written:
        return 2
    return 1 if any(result.failures for result in results) else 0


def _route_tests(routes: RoutesInput, router: Router) -> Iterator[TestResult]:
    """Run the tests in the files."""
    from bridge.cli.printing.junit import TestResult
    from bridge.common.text import one_line
    from bridge.workbench.route_tests import RouteTestRunner

    runner = RouteTestRunner(router, routes.labels)
    for case in routes.loaded.checked.tests:
        failures = tuple(_with_place(failure) for failure in runner.run(case))
        yield TestResult(one_line(case.name, _LONGEST), case.span.path, failures)


def _with_place(failure: Failure) -> str:
    span = failure.span
    return f"{span.path}:{span.line}:{span.column}: {failure.message}"


def _bound_tests(router: Router, files: Sequence[str], bounds: Sequence[Bound]) -> Iterator[TestResult]:
    """Route the alerts of the files once, and compare the counts with each bound."""
    from bridge.cli.printing.junit import TestResult
    from bridge.workbench.bounds import RoutingCounts

    if not bounds:
        return
    counts = RoutingCounts(router)
    for path in files:
        counts.add(_alerts_of(path))
    counts.finish()
    for bound in bounds:
        failure = counts.failure(bound)
        yield TestResult(bound.text, ", ".join(files), () if failure is None else (failure,))


def _alerts_of(path: str) -> Iterator[Line]:
    """The alerts of a file. Raises AlertFileError also if there are none: bounds would hold and prove nothing."""
    from bridge.workbench.alert_files import AlertFileError, Line, read_alerts, skipped

    alerts = others = 0
    for each in read_alerts(path):
        if isinstance(each, Line):
            alerts += 1
            yield each
        else:
            others += 1
    if not alerts:
        raise AlertFileError(f"{path}: contains no alert; give Falco's JSON lines, a container log or a journal")
    if others:
        print(f"falco-bridge test: {path}: {skipped(others)}", file=sys.stderr)


def _print(results: Sequence[TestResult]) -> None:
    for result in results:
        print(f"{'FAIL' if result.failures else 'ok  '}  {result.name}")
        for failure in result.failures:
            print(f"      {failure}")
    failed = sum(bool(result.failures) for result in results)
    print(f"{len(results) - failed} passed, {failed} failed")


def _write_junit(path: Path, results: Sequence[TestResult]) -> bool:
    """Write the report. False, with an error on standard error, where that fails."""
    from bridge.cli.printing.junit import junit_xml

    try:
        path.write_bytes(junit_xml(results))
    except OSError as error:
        print(f"falco-bridge test: {path}: cannot be written ({error.strerror})", file=sys.stderr)
        return False
    return True


def _bound(text: str) -> Bound:
    from bridge.workbench.bounds import parse_bound

    try:
        return parse_bound(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
