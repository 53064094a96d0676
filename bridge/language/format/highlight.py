"""A Pygments lexer for ``.route`` files."""

from __future__ import annotations

from typing import ClassVar

from pygments.lexer import RegexLexer, words
from pygments.token import Comment, Keyword, Name, Number, Operator, Punctuation, String, Text, Whitespace

from bridge.language.program.condition import Operator as Comparison
from bridge.language.program.condition import Quantifier
from bridge.language.program.fields.kinds import ATTRIBUTES
from bridge.language.program.fields.transformers import NAMES
from bridge.language.syntax.reserved import CLAUSES, CONNECTIVES, STATEMENTS, STEPS

_WORD_OPERATORS = tuple(sorted(each.value for each in (*Comparison, *Quantifier) if each.value.isalpha()))
_DAY = "(?:mon|tue|wed|thu|fri|sat|sun)"


class RouteLexer(RegexLexer):  # type: ignore[misc,unused-ignore]  # Pygments is untyped
    """The language of ``.route`` files."""

    name = "Falco route"
    aliases: ClassVar[list[str]] = ["route", "falco-route"]
    filenames: ClassVar[list[str]] = ["*.route"]
    url = "https://falco.org"
    tokens: ClassVar[dict[str, list[object]]] = {
        "root": [
            (r"\s+", Whitespace),
            (r"#[^\n]*", Comment.Single),
            (r'"(?:\\[\s\S]|[^"\\%])*(?="|%)', String.Double, "double"),
            (r'"', String.Double, "double"),
            (r"'(?:\\[\s\S]|[^'\\])*'", String.Single),
            (words(STATEMENTS, suffix=r"(?![\w.-])"), Keyword.Declaration),
            (words(("and", "or", "not", "exists", *_WORD_OPERATORS), suffix=r"(?![\w.-])"), Operator.Word),
            (words((*CLAUSES, *STEPS, *CONNECTIVES), suffix=r"(?![\w.-])"), Keyword),
            (words(NAMES, suffix=r"(?=\s*\()"), Name.Function),
            (r"[a-zA-Z]\w*(?:\.[a-zA-Z][\w-]*)+(?:\[[^\]\n]*\])?", Name.Variable),
            (words(tuple(ATTRIBUTES), suffix=r"(?![\w.-])"), Name.Builtin),
            (r"\d{4}-\d\d-\d\d(?:\.\.\d{4}-\d\d-\d\d)?|\d\d?:\d\d-\d\d?:\d\d", Number),
            (rf"{_DAY}(?:-{_DAY})?(?![\w.-])", Number),
            (r"(?:\d+(?:ms|s|m|h|d|w))+(?![\w.-])|\d+(?:\.\d+)?(?![\w.-])", Number),
            (r"\+=|==|!=|<=|>=|=|<|>", Operator),
            (r"[{}(),]", Punctuation),
            (r"[^\s(){}=,\"'#][^\s(){}=,\"']*", Name),
            (r".", Text),
        ],
        "double": [
            (r'"', String.Double, "#pop"),
            (r"%%", String.Escape),
            (r"%\d*[a-zA-Z][\w.]*(?:\[[^\]\n]*\]|\([\w.]+\))?", String.Interpol),
            (r"\\[\s\S]", String.Escape),
            (r'[^"\\%]+', String.Double),
            (r"%", String.Double),
        ],
    }
