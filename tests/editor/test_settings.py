"""The settings that the page on editors shows, and the files of the VS Code extension, as far as they can be read here."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from pygments import lex
from pygments.lexers import get_lexer_by_name
from pygments.token import Error

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "editors.md").read_text(encoding="utf-8")
EDITORS = ROOT / "examples" / "editors"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_the_settings_of_helix_start_the_server_for_route_files() -> None:
    (text,) = blocks("toml")
    settings = tomllib.loads(text)
    (language,) = settings["language"]
    assert language["file-types"] == ["route"]
    for name in language["language-servers"]:
        server = settings["language-server"][name]
        assert [server["command"], *server["args"]] == ["falco-bridge", "lsp"]
    assert language["scope"] == grammar()["scopeName"]


def test_the_settings_in_lua_and_lisp_are_complete() -> None:
    """Every token is one of the language, and brackets are closed in order."""
    for language, lexer in (("lua", "lua"), ("elisp", "emacs-lisp")):
        (text,) = blocks(language)
        open_brackets: list[str] = []
        for kind, token in lex(text, get_lexer_by_name(lexer)):
            assert kind is not Error, (language, token)
            if "Literal.String" in str(kind) or "Comment" in str(kind):
                continue
            for letter in token:
                if letter in "([{":
                    open_brackets.append(letter)
                elif letter in ")]}":
                    assert open_brackets.pop() + letter in {"()", "[]", "{}"}, language
        assert not open_brackets
        assert re.search(r'"falco-bridge",? "lsp"', text)


def test_every_rule_of_the_grammar_that_is_included_exists() -> None:
    """And every pattern of the grammar is read as a regular expression."""
    repository = grammar()["repository"]
    parts = list(parts_of(grammar()))
    for part in parts:
        if "include" in part:
            assert part["include"].removeprefix("#") in repository, part
        for key in ("match", "begin", "end"):
            if key in part:
                re.compile(part[key])
    assert sum("match" in part or "begin" in part for part in parts) > 5


def test_the_extension_names_files_and_languages_that_exist() -> None:
    package = json.loads((EDITORS / "vscode" / "package.json").read_bytes())
    (language,) = package["contributes"]["languages"]
    (syntax,) = package["contributes"]["grammars"]
    assert (EDITORS / "vscode" / language["configuration"]).is_file()
    assert language["extensions"] == [".route"]
    assert (syntax["language"], syntax["scopeName"]) == (language["id"], grammar()["scopeName"])


def grammar() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EDITORS / "route.tmLanguage.json").read_bytes())
    return found


def parts_of(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [part for each in value for part in parts_of(each)]
    if isinstance(value, dict):
        return [value, *(part for each in value.values() for part in parts_of(each))]
    return []
