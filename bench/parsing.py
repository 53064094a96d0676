"""Cost of reading and checking routes, compared with Lark's parse of the same text."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from lark import Lark

from bench.figures import Figure
from bench.routes import routes_text
from bridge.language.checker.check import check
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.source import SourceText
from bridge.language.syntax.grammar_file import grammar_text

_ROUTES = 1000
_ROUNDS = 3


def figures() -> Iterator[Figure]:
    """A thousand routes, about ten thousand lines."""
    text = routes_text(_ROUTES)
    bare = Lark(grammar_text(), parser="lalr", lexer="contextual", start=["file", "condition"])
    check([SourceText("bench.route", routes_text(3))], Known(None, None))
    parse = _best(lambda: bare.parse(text, start="file"))
    ours = _best(lambda: check([SourceText("bench.route", text)], Known(None, None)))
    yield Figure(f"Lark's bare parse of {text.count(chr(10)):,} lines", parse * 1000, "ms")
    yield Figure("parse and check", ours * 1000, "ms", ours / parse, "the bare parse")


def _best(action: Callable[[], object]) -> float:
    costs = []
    for _ in range(_ROUNDS):
        started = time.process_time()
        action()
        costs.append(time.process_time() - started)
    return min(costs)
