"""Runs the tests of route files for an editor, and says which tests belong to a route."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from bridge.common.text import one_line
from bridge.editor.definitions import same_group
from bridge.editor.project import EditedFile, Snapshot
from bridge.language.diagnostics.source import Span
from bridge.language.syntax import tree as syntax
from bridge.workbench.expectations import Failure
from bridge.workbench.route_tests import RouteTestRunner

_LONGEST = 1000
MOST_FAILURES = 200
"""Failures that are shown; the further ones are counted."""


@dataclass(frozen=True, slots=True)
class TestOffer:
    """Tests that can be run from a place."""

    span: Span
    """The head of a test, or of a route that tests name."""
    title: str
    tests: tuple[Span, ...]
    """Where their names are."""


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """The result of running tests."""

    passed: int
    failed: int
    failures: tuple[Failure, ...]

    def __str__(self) -> str:
        """For people."""
        found = [f"{self.passed} passed"] * bool(self.passed) + [f"{self.failed} failed"] * bool(self.failed)
        return ", ".join(found) or "no tests"


def offers(snapshot: Snapshot, file: EditedFile) -> Iterator[TestOffer]:
    """What can be run from the places of a file: each test, and all tests of its group that name a route."""
    by_route: dict[str, list[Span]] = {}
    for each in same_group(snapshot, file.source.path):
        for test in each.parsed.file.statements:
            if isinstance(test, syntax.TestStatement):
                expected = (step.route for step in test.steps if isinstance(step, syntax.ExpectStep))
                for route in {word.text for word in expected if word is not None}:
                    by_route.setdefault(route, []).append(test.name.span)
    waiting = list(reversed(file.parsed.file.statements))
    while waiting:
        statement = waiting.pop()
        match statement:
            case syntax.TestStatement():
                yield TestOffer(statement.name.span, "run this test", (statement.name.span,))
            case syntax.WhereStatement(body=body):
                waiting += reversed(body)
            case syntax.RouteStatement(head=head):
                name = "otherwise" if statement.name is None else statement.name.text
                if tests := by_route.get(name):
                    title = "run its test" if len(tests) == 1 else f"run its {len(tests)} tests"
                    yield TestOffer(head, title, tuple(tests))
            case _:
                pass


def run_tests(snapshot: Snapshot, places: Collection[tuple[str, int]]) -> TestOutcome | None:
    """Run the tests whose names are at these places: paths and offsets. None if the routes have errors."""
    if snapshot.loaded.checked.program is None:
        return None
    runner = RouteTestRunner(snapshot.loaded.router(snapshot.labels), snapshot.labels)
    passed = failed = 0
    failures: list[Failure] = []
    for case in snapshot.loaded.checked.tests:
        if (case.span.path, case.span.start) not in places:
            continue
        found = runner.run(case)
        failed, passed = failed + bool(found), passed + (not found)
        failures += (Failure(each.span, one_line(each.message, _LONGEST)) for each in found)
    return TestOutcome(passed, failed, tuple(failures[:MOST_FAILURES]))
