#!/usr/bin/env python3
"""Writes src/grammar.json, the tree-sitter grammar of .route files, from grammar/route.lark.

Tree-sitter's lexer, like Lark's, expects at each place only the tokens that the grammar allows there, and takes the
longest one. So most tokens need no lookahead. Words before "(" that could be values do: src/scanner.c reads them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LARK = HERE.parents[2] / "grammar" / "route.lark"
Node = dict[str, Any]

_LOOKAROUND = re.compile(r"\(\?(?:=|!|<=)(?:[^()\[\]\\]|\\.|\[(?:[^\]\\]|\\.)*\]|\((?:[^()]|\\.)*\))*\)|\\b")
_EXTERNAL = {"CALL": "function", "QUANTIFIER": "quantifier"}
"""The tokens of src/scanner.c, in its order, with their names: `call` is a rule."""
_FIRST_WORD = {"THEN_NOT": "then"}
"""The `not` behind it is part of the condition here."""
_AT_ONCE = ("SELECTOR",)
"""Only right after the token before."""
_FIRST = {"DAYS": 1}
"""Precedence over a word of the same characters."""


def main() -> None:
    """Write the grammar."""
    (HERE / "src" / "grammar.json").write_text(text(), encoding="utf-8")


def text() -> str:
    """The grammar as tree-sitter reads it."""
    return json.dumps(grammar(LARK.read_text(encoding="utf-8")), indent=1) + "\n"


def grammar(source: str) -> Node:
    """The grammar of a Lark grammar."""
    rules, terminals = definitions(source)
    tokens = {name: token(name, pattern) for name, pattern in terminals.items()}
    named = {name for name, each in tokens.items() if each["type"] not in {"STRING", "CHOICE", "SEQ"}}
    merged = {name for name in named if rules.get(name.lower()) == name}
    made = {name: rule(body, tokens, named) for name, body in rules.items() if name.upper() not in merged}
    for name in terminals:
        if name in named and name not in _EXTERNAL and name != "SPACE":
            made[name.lower()] = tokens[name]
    return {
        "$schema": "https://tree-sitter.github.io/tree-sitter/assets/schemas/grammar.schema.json",
        "name": "route",
        "word": "name",
        "rules": {name: body for name, body in made.items() if name != "condition"},
        "extras": [tokens["SPACE"], symbol("comment")],
        "conflicts": [["to"]],
        "precedences": [],
        "externals": [symbol(name) for name in _EXTERNAL.values()],
        "inline": [],
        "supertypes": [],
        "reserved": {},
    }


def definitions(source: str) -> tuple[dict[str, str], dict[str, str]]:
    """The rules and the terminals of a Lark grammar, without comments."""
    rules: dict[str, str] = {}
    terminals: dict[str, str] = {}
    last = ""
    for line in source.splitlines():
        started = re.match(r"([a-z_]+|[A-Z_]+)(?:\.\d+)?: (.*)", line)
        if started:
            last, body = started.groups()
            (terminals if last.isupper() else rules)[last] = body.strip()
        elif line.startswith(" "):
            rules[last] += " " + line.strip()
    for name, body in rules.items():
        rules[name] = body.partition("  //")[0].strip()
    for name, body in terminals.items():
        terminals[name] = body.partition("  //")[0].strip()
    return rules, terminals


def token(name: str, pattern: str) -> Node:
    """A terminal: a fixed word, a choice of words, or a pattern without lookaround."""
    if name in _EXTERNAL:
        return symbol(_EXTERNAL[name])
    if name in _FIRST_WORD:
        return word(_FIRST_WORD[name])
    if pattern.startswith('"'):
        return word(pattern[1:-1])
    plain = _LOOKAROUND.sub("", pattern[1:-1]).replace("(?:", "(").replace("++", "+").replace("*+", "*")
    if re.fullmatch("[a-z]+", plain):
        return word(plain)
    if re.fullmatch(r"\(([a-z]+\|)+[a-z]+\)", plain):
        return {"type": "CHOICE", "members": [word(each) for each in plain[1:-1].split("|")]}
    read: Node = {"type": "PATTERN", "value": plain}
    if name in _FIRST:
        return {"type": "TOKEN", "content": {"type": "PREC", "value": _FIRST[name], "content": read}}
    return {"type": "IMMEDIATE_TOKEN", "content": read} if name in _AT_ONCE else read


def rule(body: str, tokens: dict[str, Node], named: set[str]) -> Node:
    """The body of a rule. Terminals that are no fixed words, ``named``, are nodes of their own."""
    parts = re.findall(r"[A-Za-z_]+|[|()?*+]", body)
    made = choice(parts, tokens, named)
    assert not parts, body
    return made


def choice(parts: list[str], tokens: dict[str, Node], named: set[str]) -> Node:
    """Alternatives, up to a closing parenthesis."""
    members = [sequence(parts, tokens, named)]
    while parts and parts[0] == "|":
        parts.pop(0)
        members.append(sequence(parts, tokens, named))
    return members[0] if len(members) == 1 else {"type": "CHOICE", "members": members}


def sequence(parts: list[str], tokens: dict[str, Node], named: set[str]) -> Node:
    """One alternative."""
    members: list[Node] = []
    while parts and parts[0] not in {"|", ")"}:
        part = parts.pop(0)
        if part == "(":
            found = choice(parts, tokens, named)
            parts.pop(0)
        elif part in tokens:
            found = symbol(part.lower()) if part in named and part not in _EXTERNAL else tokens[part]
        else:
            found = symbol(part)
        if parts and parts[0] in {"?", "*", "+"}:
            found = repeated(found, parts.pop(0))
        members.append(found)
    return members[0] if len(members) == 1 else {"type": "SEQ", "members": members}


def repeated(found: Node, sign: str) -> Node:
    """A part with ``?``, ``*`` or ``+`` behind it."""
    if sign == "?":
        return {"type": "CHOICE", "members": [found, {"type": "BLANK"}]}
    return {"type": "REPEAT" if sign == "*" else "REPEAT1", "content": found}


def symbol(name: str) -> Node:
    """A reference to a rule."""
    return {"type": "SYMBOL", "name": name}


def word(value: str) -> Node:
    """A fixed text."""
    return {"type": "STRING", "value": value}


if __name__ == "__main__":
    main()
