"""Docs, help texts, examples and code use the terms of docs/glossary.md, and none of the words that it replaced."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.cli.main import VERBS, make_parser

ROOT = Path(__file__).parent.parent
GLOSSARY = ROOT / "docs" / "glossary.md"
REPLACED = {
    r"road": "source",
    r"fold(?:s|ed|ing)?": "digest",
    r"(?:set|steps?|kept|put|laid) aside": "quarantined, or released from its order key",
    r"dice": "jitter",
    r"lanes?": "order key",
    r"news": "health alert",
    r"(?<!dead\s)letters?": "dead letter, e-mail, or character",
    r"told|tells? (?:of|about)": "reported, shown, notified or logged",
    r"let(?:s|ting)? (?:alone|go)": "not used, or released",
    r"anew": "again",
    r"mend(?:s|ed|ing)?": "fix",
    r"nobody|whoever|whatever": "a concrete subject",
    r"stand-in": "simulated",
    r"far side": "service, or receiver",
    r"hear(?:s|d)? of": "notified, or received",
    r"in vain": "failed, or timed out",
    r"all the same(?=[.,:;])": "still",
    r"(?:has|have) to (?:itself|themselves)": "leases",
}
"""What the project's docs once said, as a regex, and what they say instead."""
ALLOWED = (r"whatever the", r"whatever is sent", r"(?:the|a|first|one) letter")
"""Exceptions: idioms that are removed before the search."""
ALLOWED_IN_CODE = (r'"nobody"', r"user\.name: nobody")
"""The user of that name."""
USUAL_IN_CODE = frozenset({r"road", r"fold(?:s|ed|ing)?", r"lanes?", r"news", r"(?<!dead\s)letters?"})
"""Replaced words that code needs: columns of old journals, case folding, a syslog facility, characters."""
CODE = [path for folder in ("bridge", "tests", "bench") for path in sorted((ROOT / folder).rglob("*.py"))]
NOT_YET_CLEAN: frozenset[str] = frozenset({})
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *(path for path in sorted((ROOT / "examples").rglob("*")) if path.is_file() and path.suffix not in {".json", ".jsonl", ".vsix", ".gz"}),
]  # fmt: skip


def replaced_words(text: str, usual: frozenset[str] = frozenset()) -> list[str]:
    """Each replaced word with its place and its replacement, without the ``usual`` ones."""
    text = re.sub(r"https?://\S+", "", text)
    for allowed in ALLOWED:
        text = re.sub(allowed, "", text)
    return [
        f"line {text.count(chr(10), 0, found.start()) + 1}: {found.group()!r}; write {instead}"
        for pattern, instead in REPLACED.items()
        if pattern not in usual
        for found in re.finditer(rf"(?<![\w./_-])(?:{pattern})(?![\w/_-])", text, re.IGNORECASE)
    ]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_pages_and_examples_use_none_of_the_replaced_words(path: Path) -> None:
    """Every page, and the comments and names of every example."""
    if str(path.relative_to(ROOT)) in NOT_YET_CLEAN:
        pytest.skip("not rewritten yet")
    text = path.read_text(encoding="utf-8")
    if path.name == "CHANGELOG.md":
        text = re.sub(r"^\|.*\|$", "", text, flags=re.MULTILINE)  # the table of old and new names
    assert replaced_words(text) == []


def helps(parser: argparse.ArgumentParser) -> Iterator[str]:
    """The help of a parser and of every parser below it, without its line breaks."""
    yield " ".join(parser.format_help().split())
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from helps(inner)


def test_help_texts_use_none_of_the_replaced_words() -> None:
    """Every verb and every action."""
    assert [problem for text in helps(make_parser(VERBS)) for problem in replaced_words(text)] == []


def test_code_uses_none_of_the_replaced_words() -> None:
    """Docstrings, comments, messages, variables, and the names of tests as words."""
    problems = {}
    for path in CODE:
        if path == Path(__file__):
            continue
        text = path.read_text(encoding="utf-8")
        for allowed in ALLOWED_IN_CODE:
            text = re.sub(allowed, "", text)
        names = "\n".join(name.replace("_", " ") for name in re.findall(r"\bdef (test_\w+)", text))
        found = replaced_words(text, USUAL_IN_CODE) + replaced_words(names, USUAL_IN_CODE)
        if found:
            problems[str(path.relative_to(ROOT))] = found
    assert problems == {}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("It came by another road.", 1),
        ("Folded into a digest, then told anew.", 3),
        ("a dead letter, a digest, a source", 0),
        ("`examples/road.yaml` and bridge/folding.py", 0),
        ("whatever the alerts say, nobody hears of it", 2),
    ],
)
def test_the_search_finds_replaced_words_and_nothing_else(text: str, count: int) -> None:
    """Whole words in any case; no parts of words, paths or exceptions."""
    assert len(replaced_words(text)) == count


def glossary_rows() -> list[list[str]]:
    lines = GLOSSARY.read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


def test_the_glossary_is_well_formed() -> None:
    """Each section has one table; each row has a term and a meaning that is a sentence; no term is defined twice."""
    text = GLOSSARY.read_text(encoding="utf-8")
    for section in text.split("\n## ")[1:]:
        assert "\n\n| term | meaning |\n|---|---|\n" in section, section.splitlines()[0]
    rows = [row for row in glossary_rows() if row not in (["term", "meaning"], ["---", "---"])]
    assert all(len(row) == 2 and re.fullmatch(r"[A-Z`0-9].*\.", row[1]) for row in rows), rows
    terms = [term for term, _ in rows]
    assert len(set(terms)) == len(terms)
    assert {"alert", "source", "route", "decision", "delivery", "digest", "dead letter", "circuit"} <= set(terms)
