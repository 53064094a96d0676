"""The text of a config: YAML nodes with their places, and an excerpt without secrets for diagnostics."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import yaml

from bridge.common.files.text_file import read_bounded_text
from bridge.common.files.yaml_aliases import repeats_too_much
from bridge.common.files.yaml_errors import YamlProblem, explain_yaml
from bridge.config.reading.foreign import foreign_file
from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.language.diagnostics.source import SourceText, Span

Note = Callable[[Code, Span, str, str], None]
"""Takes the code, the place, the message and the hint of an error."""
Place = tuple[str | int, ...]
"""The keys and list positions that lead to a value: ``("sources", 0, "tls", "ca")``."""
REFERENCE = re.compile(r"\$\$\{|\$\{(?P<file>file:)?(?P<name>[^}]*)\}")
"""``${NAME}``, ``${file:PATH}``, and ``$${`` for a plain ``${``."""
_SCHEME = re.compile(r"[\"']?[A-Za-z][A-Za-z0-9+.-]*://")
_LINE_KEY = re.compile(r"^[ -]*([A-Za-z_][\w-]*)(?=\s*:)", re.MULTILINE)
_PUNCTUATION = frozenset("-:{}[],\"'|>&*!?")


class Document:
    """One config file as it was read. ``root`` is None where it could not be read; ``problems`` then says why."""

    def __init__(self, path: Path) -> None:
        self.path = path
        """As the user wrote it: places in diagnostics show it."""
        self.folder = path.absolute().parent
        self.text = ""
        self.root: yaml.Node | None = None
        self.problems: list[Diagnostic] = []
        self._visible: list[tuple[int, int]] = []
        self._read()

    def span(self, node: yaml.Node) -> Span:
        """The place of a node; of a mapping or list, that of its first key or item."""
        while not isinstance(node, yaml.ScalarNode) and node.value:
            first = node.value[0]
            node = first[0] if isinstance(first, tuple) else first
        start, end = node.start_mark, node.end_mark
        return Span(str(self.path), start.index, max(end.index, start.index + 1), start.line + 1, start.column + 1)

    def show(self, node: yaml.Node) -> None:
        """Let the excerpt show this node's text: it is a known key, or a value that is not secret."""
        self._visible.append((node.start_mark.index, node.end_mark.index))

    def show_partly(self, node: yaml.Node) -> None:
        """Let the excerpt show the scheme and the references of a secret value."""
        start = node.start_mark.index
        text = self.text[start : node.end_mark.index]
        for match in (_SCHEME.match(text), *REFERENCE.finditer(text)):
            if match is not None:
                self._visible.append((start + match.start(), start + match.end()))

    def source(self) -> SourceText:
        """The text for the excerpts of diagnostics. All that may be secret is replaced by ``*``, comments by spaces."""
        shown = bytearray(len(self.text))
        for start, end in self._visible:
            shown[start:end] = b"\x01" * (end - start)
        letters: list[str] = []
        in_comment = False
        before = "\n"
        for at, letter in enumerate(self.text):
            starts_comment = letter == "#" and before.isspace() and not shown[at]  # not in slack://…/#alerts
            in_comment = letter != "\n" and (in_comment or starts_comment)
            before = letter
            if in_comment:
                letters.append(" ")
            elif shown[at] or letter.isspace() or letter in _PUNCTUATION:
                letters.append(letter)
            else:
                letters.append("*")
        return SourceText(str(self.path), "".join(letters))

    def _read(self) -> None:
        try:
            self.text = read_bounded_text(self.path)
            root = yaml.compose(self.text, Loader=yaml.SafeLoader)
            if repeats_too_much(root):
                self._fail("the config refers to itself, or repeats too much, by `*`", "write values without `*`")
                return
            self.root = root
        except OSError as error:
            self._fail(
                f"the config cannot be read ({error.strerror})", "name an existing file with --config", may_pass=True
            )
        except UnicodeDecodeError:
            self._fail("the config is not UTF-8", "save it as UTF-8")
        except RecursionError:
            self._fail("the config is nested too deeply", "the deepest key of a config has four levels")
        except yaml.YAMLError as error:
            problem = explain_yaml(error, self.text)
            hint = problem.hint or "fix the syntax here"
            self._fail(f"the config is not YAML: {problem.message}", hint, problem)
        else:
            if self.root is None:
                self._fail("the config is empty", "it needs `sources`, `channels`, `routes` and `journal`")
                return
            foreign = foreign_file(self.root)
            if foreign is not None:
                self._fail(*foreign)
                self.root = None

    def _fail(self, message: str, hint: str, problem: YamlProblem | None = None, *, may_pass: bool = False) -> None:
        self._visible += [match.span(1) for match in _LINE_KEY.finditer(self.text)]
        known = problem if problem is not None and problem.line else YamlProblem("", "", 1, 1, 0)
        span = Span(str(self.path), known.offset, known.offset + 1, known.line, known.column)
        self.problems.append(Diagnostic(Code.UNREADABLE_CONFIG, message, span, hint, may_pass=may_pass))
