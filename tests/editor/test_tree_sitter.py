"""The tree-sitter grammar reads what the language's own grammar reads, token by token."""

from __future__ import annotations

import ctypes
import runpy
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from lark import Lark, Token, UnexpectedInput
from tree_sitter import Language, Node, Parser, Query, QueryCursor

from bridge.language.syntax.grammar_file import grammar_text

ROOT = Path(__file__).parents[2]
GRAMMAR = ROOT / "examples" / "editors" / "tree-sitter-route"
QUERIES = ROOT / "examples" / "editors" / "zed" / "languages" / "route"
FILES = [
    path
    for folder in ("examples", "tests")
    for path in sorted((ROOT / folder).rglob("*.route"))
    if path.stat().st_size and b"\0" not in path.read_bytes()  # NUL ends a text for tree-sitter
]


@pytest.fixture(scope="module")
def language(tmp_path_factory: pytest.TempPathFactory) -> Language:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler, so the tree-sitter grammar cannot be built")
    library = tmp_path_factory.mktemp("grammar") / "route.so"
    sources = [GRAMMAR / "src" / "parser.c", GRAMMAR / "src" / "scanner.c"]
    command = [compiler, "-shared", "-fPIC", "-O0", "-I", GRAMMAR / "src", *sources, "-o", library]
    subprocess.run(command, check=True)
    function = ctypes.CDLL(str(library)).tree_sitter_route
    function.restype = ctypes.c_void_p
    capsule = ctypes.pythonapi.PyCapsule_New
    capsule.restype, capsule.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    return Language(capsule(function(), b"tree_sitter.Language", None))


def test_every_route_file_has_the_tokens_of_the_language(language: Language) -> None:
    """Of those that the language's own grammar reads; the others have errors for tree-sitter too."""
    lark = Lark(grammar_text(), parser="lalr", lexer="contextual", start="file", keep_all_tokens=True)
    parser = Parser(language)
    read = 0
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        tree = parser.parse(text.encode())
        expected = tokens_of_lark(lark, text)
        assert tree.root_node.has_error is (expected is None), path
        if expected is not None:
            assert list(tokens(tree.root_node)) == expected, path
            read += 1
    assert read > 100


def test_the_parser_can_be_loaded_by_neovim_0_10_and_helix(language: Language) -> None:
    """They read no later version of the format than 14: ``tree-sitter generate --abi 14``."""
    assert language.abi_version == 14


def test_words_of_the_language_can_be_values_and_names(language: Language) -> None:
    parser = Parser(language)
    for line in (
        "when proc.name = test and k8s.ns.name in (route, to, when, oneof)",
        "when proc.name = tolower and tolower(proc.name) = oneof (a, b)",
        "when then.name = not-this or not(exists.x exists)",
        "to to-x else else-y after 5m after 3 in 1m by proc.name",
    ):
        tree = parser.parse(f'route "a" {{ {line} }}'.encode())
        assert not tree.root_node.has_error, (line, str(tree.root_node))


def test_the_grammar_is_the_present_one() -> None:
    """Run examples/editors/tree-sitter-route/generate.py after a change of grammar/route.lark, then build the parser."""
    assert (GRAMMAR / "src" / "grammar.json").read_text(encoding="utf-8") == runpy.run_path(
        str(GRAMMAR / "generate.py")
    )["text"]()


def test_the_queries_of_zed_fit_the_grammar(language: Language) -> None:
    """Every node that they name exists, and every word of the language has a colour."""
    text = (ROOT / "tests" / "language" / "everything.route").read_bytes()
    root = Parser(language).parse(text).root_node
    queries = {path.name: Query(language, path.read_text("utf-8")) for path in QUERIES.glob("*.scm")}
    found = {name: QueryCursor(query).captures(root) for name, query in queries.items()}
    assert set(found) == {"brackets.scm", "highlights.scm", "indents.scm", "outline.scm", "overrides.scm"}
    assert all(found.values())
    kinds = range(language.node_kind_count)
    words = {language.node_kind_for_id(each) for each in kinds if is_word(language, each)}
    colours = (QUERIES / "highlights.scm").read_text("utf-8")
    assert len(words) > 70
    assert not {word for word in words if f'"{word}"' not in colours}


def is_word(language: Language, kind: int) -> bool:
    """Whether the tokens of this kind are one fixed text."""
    return language.node_kind_is_visible(kind) and not language.node_kind_is_named(kind)


def tokens_of_lark(lark: Lark, text: str) -> list[tuple[int, int]] | None:
    """The places of the tokens in the text's bytes. None if the text is none of the language."""
    try:
        tree = lark.parse(text)
    except UnexpectedInput:
        return None
    places = [0]
    for letter in text:
        places.append(places[-1] + len(letter.encode()))
    found: list[tuple[int, int]] = []
    for token in tree.scan_values(lambda value: isinstance(value, Token)):
        start, end = token.start_pos, token.end_pos
        if token.type == "THEN_NOT":
            found.append((places[start], places[start + len("then")]))
            start = end - len("not")
        found.append((places[start], places[end]))
    return found


def tokens(node: Node) -> Iterator[tuple[int, int]]:
    for leaf in leaves(node):
        if leaf.type != "comment":
            yield leaf.start_byte, leaf.end_byte


def leaves(node: Node) -> Iterator[Node]:
    if not node.children:
        yield node
    for child in node.children:
        yield from leaves(child)
