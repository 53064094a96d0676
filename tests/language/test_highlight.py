"""Syntax highlighting covers every keyword and loses no character."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pygments.lexers import get_lexer_by_name, get_lexer_for_filename
from pygments.token import Comment, Error, Keyword, Name, Operator, String

from bridge.language.format.highlight import RouteLexer
from bridge.language.syntax.grammar_file import grammar_text

ROOT = Path(__file__).parent.parent.parent
GRAMMAR = json.loads((ROOT / "examples" / "editors" / "route.tmLanguage.json").read_text(encoding="utf-8"))
FILES = [
    *sorted((ROOT / "examples").rglob("*.route")),
    ROOT / "tests" / "language" / "everything.route",
]
KEYWORDS = sorted(set(re.findall(r"^[A-Z_]+: /([a-z]+)\\b", grammar_text(), re.MULTILINE)))


def texts() -> list[str]:
    pages = [ROOT / "README.md", ROOT / "docs" / "language.md"]
    blocks = [b for page in pages for b in re.findall(r"```(?:route)?\n(.*?)```", page.read_text("utf-8"), re.DOTALL)]
    return [*(path.read_text(encoding="utf-8") for path in FILES), *(b for b in blocks if "route " in b and "{" in b)]


@pytest.mark.parametrize("text", texts(), ids=range(len(texts())))
def test_pygments_tokenizes_every_example(text: str) -> None:
    """The tokens reproduce the text without error tokens, with strings, keywords, operators and fields."""
    pieces = list(RouteLexer(ensurenl=False, stripnl=False).get_tokens(text))
    assert "".join(value for _, value in pieces) == text
    assert not [value for kind, value in pieces if kind in Error]
    kinds = [kind for kind, _ in pieces]
    for expected in (String, Keyword, Operator, Name):
        assert any(kind in expected for kind in kinds), expected
    comments = [value for kind, value in pieces if kind in Comment]
    assert comments == [each for each in comments if each.startswith("#")]


def test_pygments_finds_the_lexer_by_name_and_by_file() -> None:
    """The entry point is registered."""
    assert isinstance(get_lexer_by_name("route"), RouteLexer)
    assert isinstance(get_lexer_for_filename("a.route"), RouteLexer)


def test_every_keyword_of_the_grammar_is_coloured_by_both() -> None:
    """Pygments and TextMate highlight every keyword of the grammar."""
    assert len(KEYWORDS) > 30
    for word in KEYWORDS:
        ((kind, value),) = [pair for pair in RouteLexer().get_tokens(word) if pair[1].strip()]
        assert value == word
        assert kind in Keyword or kind in Operator.Word, word
        assert scope(word) in {"keyword.declaration", "keyword.control", "keyword.operator.word"}, word


def scope(word: str) -> str:
    """The TextMate scope of a text that is one token."""
    (found,) = {name for name, value in tokens(word) if value == word}
    return found.removesuffix(".falco-route")


def tokens(text: str) -> Iterator[tuple[str, str]]:
    """The tokens of a line by the TextMate grammar: the earliest match wins, then the first rule."""
    at = 0
    rules = [GRAMMAR["repository"][each["include"][1:]] for each in GRAMMAR["patterns"]]
    while at < len(text):
        hits = [
            (match.start(), number, match, rule)
            for number, rule in enumerate(rules)
            if (match := opening(rule).search(text, at))
        ]
        if not hits:
            return
        _, _, match, rule = min(hits, key=lambda hit: hit[:2])
        end = match.end()
        if "begin" in rule:
            closing = re.compile(rf"(?:\\.|(?!{rule['end']}).)*{rule['end']}").match(text, end)
            end = len(text) if closing is None else closing.end()
        yield rule["name"], text[match.start() : end]
        at = max(end, at + 1)


def opening(rule: dict[str, Any]) -> re.Pattern[str]:
    return re.compile(rule.get("match") or rule["begin"])


def test_textmate_distinguishes_strings_comments_fields_and_values() -> None:
    """Strings, comments, fields, transformers and numbers have their own scopes."""
    line = 'when tolower(proc.name) = test and k8s.ns.name in ("a # b", to) to x after 15m  # why'
    found = [(name.removesuffix(".falco-route"), value) for name, value in tokens(line)]
    assert ("string.quoted.double", '"a # b"') in found
    assert ("comment.line.number-sign", "# why") in found
    assert ("variable.other.field", "k8s.ns.name") in found
    assert ("support.function", "tolower") in found
    assert ("constant.numeric", "15m") in found
    for path in FILES:
        for text in path.read_text(encoding="utf-8").splitlines():
            quoted = [value for name, value in tokens(text) if name.startswith("string")]
            assert all(value[0] == value[-1] for value in quoted), text


ODD = (
    """when proc.name in (a#b, "#c", '#d', /etc/rule.conf, 10.0.0.0/8)and not(fd.name=/var/log/to.log) # why "not" """,
    frozenset({'"#c"', "'#d'"}),
    frozenset({"proc.name", "fd.name"}),
)


def test_values_that_look_like_something_else_stay_values() -> None:
    """A ``#`` inside a bare word starts no comment, and parts of paths are neither fields nor keywords."""
    line, strings, fields = ODD
    painted = list(RouteLexer(ensurenl=False, stripnl=False).get_tokens(line))
    assert {value for kind, value in painted if kind in Comment} == {'# why "not" '}
    assert {value for kind, value in painted if kind is Name.Variable} == fields
    found = [(name.removesuffix(".falco-route"), value) for name, value in tokens(line)]
    assert {value for name, value in found if name.startswith("comment")} == {'# why "not" '}
    assert {value for name, value in found if name.startswith("string")} == strings
    assert {value for name, value in found if name == "variable.other.field"} == fields
    assert [value for name, value in found if name.startswith("keyword")] == ["when", "in", "and", "not", "="]
