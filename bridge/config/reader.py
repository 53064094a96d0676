"""YAML with places: every value knows its line, so that a mistake can be shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from bridge.common.durations import parse_duration
from bridge.common.secret import Secret
from bridge.common.suggest import did_you_mean

_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<file>file:)?(?P<name>[^}]*)\}")
_MOST_SECRET_BYTES = 64 << 10
_SHORTEST_SECRET = 8


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in the config, free of secrets."""

    path: Path
    line: int
    message: str
    hint: str = ""

    def text(self) -> str:
        """``file:line: message; way out``."""
        return f"{self.path}:{self.line}: {self.message}" + (f"; {self.hint}" if self.hint else "")


class Reader:
    """Reads one config's nodes and notes every mistake."""

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        self.path = path
        self.problems: list[Problem] = []
        self.secret_files: list[Path] = []
        """What ``${file:…}`` named."""
        self.secret_names: list[str] = []
        """The variables of the environment that ``${…}`` named."""
        self._environ = environ

    def document(self) -> yaml.Node | None:
        """The root node, or None where there is none to read."""
        try:
            node: yaml.Node | None = yaml.compose(self.path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        except OSError as error:
            self._note(1, f"cannot be read ({error.strerror})", "name the config with --config")
        except UnicodeDecodeError:
            self._note(1, "is not UTF-8", "save it as UTF-8")
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            said = getattr(error, "problem", None) or "malformed"
            self._note(1 if mark is None else mark.line + 1, f"is not YAML: {said}", "")
        else:
            if node is None:
                self._note(1, "is empty", "it needs sources, channels, routes and a journal")
            return node
        return None

    def wrong(self, node: yaml.Node, message: str, hint: str = "") -> None:
        """Note a mistake at a node."""
        self._note(node.start_mark.line + 1, message, hint)

    def mapping(self, node: yaml.Node, what: str, known: Sequence[str] | None) -> dict[str, yaml.Node]:
        """The entries of a mapping; unknown and repeated keys are mistakes. ``known`` None allows any key."""
        if not isinstance(node, yaml.MappingNode):
            one = known[0] if known else "NAME"
            self.wrong(node, f"`{what}` must be a mapping of names to values", f"like {{{one}: …}}")
            return {}
        entries: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if not name:
                self.wrong(key, f"a key of `{what}` must be a name")
            elif name in entries:
                self.wrong(key, f"`{name}` is given twice", "keep one")
            elif known is not None and name not in known:
                self.wrong(
                    key, f"unknown key `{name}` in {what}", did_you_mean(name, known) or f"it knows {', '.join(known)}"
                )
            else:
                entries[name] = value
        return entries

    def sequence(self, node: yaml.Node, what: str) -> Sequence[yaml.Node]:
        """The items of a list."""
        if isinstance(node, yaml.SequenceNode):
            items: Sequence[yaml.Node] = node.value
            return items
        self.wrong(node, f"`{what}` must be a list", "begin each of its items with `- `, on a line of its own")
        return ()

    def text(self, node: yaml.Node, what: str) -> str:
        """A value as text, with ``${ENV}`` and ``${file:PATH}`` put in; empty where something is wrong."""
        if not isinstance(node, yaml.ScalarNode) or node.tag.endswith(":null"):
            self.wrong(node, f"`{what}` must be one value")
            return ""
        value: str = node.value
        return "".join(self._pieces(node, value))

    def choice(self, node: yaml.Node | None, what: str, known: Sequence[str], default: str) -> str:
        """One of these words; the default where there is none, or another."""
        if node is None:
            return default
        value = self.text(node, what)
        if value not in known:
            self.wrong(node, f"`{what}` cannot be `{value}`", f"one of {', '.join(known)}")
            return default
        return value

    def yes(self, node: yaml.Node | None, what: str) -> bool:
        """``true`` or ``false``; false where there is none."""
        return self.choice(node, what, ("true", "false"), "false") == "true"

    def duration(self, node: yaml.Node, what: str, default: int) -> int:
        """Nanoseconds; the default where it is no duration."""
        text = self.text(node, what)
        nanoseconds = parse_duration(text)
        if nanoseconds is None:
            self.wrong(node, f"`{what}` cannot be `{text}`", "a duration up to a year, like 500ms, 30s, 15m, 24h or 7d")
            return default
        return nanoseconds

    def password(self, node: yaml.Node | None, what: str, around: str = "") -> Secret:
        """A word that lets in who knows it, long enough not to be guessed; empty where there is none.

        ``around`` are signs that may stand before and after it.
        """
        text = "" if node is None else self.text(node, what).strip(around)
        if node is not None and len(text) < _SHORTEST_SECRET:
            self.wrong(node, f"`{what}` is too easy to guess", "16 random letters and digits")
        return Secret(text)

    def _pieces(self, node: yaml.Node, value: str) -> Iterator[str]:
        at = 0
        for match in _REFERENCE.finditer(value):
            yield value[at : match.start()]
            at = match.end()
            if match["name"] is None:
                yield "${"
            elif match["file"]:
                yield self._from_file(node, match["name"])
            else:
                yield self._from_environment(node, match["name"])
        yield value[at:]

    def _from_environment(self, node: yaml.Node, name: str) -> str:
        self.secret_names.append(name)
        if name not in self._environ:
            self.wrong(node, f"the environment has no {name or '${}'}", "set it where the bridge is started")
        return self._environ.get(name, "")

    def _from_file(self, node: yaml.Node, name: str) -> str:
        path = self.path.parent / name
        self.secret_files.append(path)
        try:
            with path.open(encoding="utf-8") as file:
                secret = file.read(_MOST_SECRET_BYTES).strip()
        except OSError as error:
            self.wrong(node, f"{name} cannot be read ({error.strerror})", "the bridge's user must be able to read it")
        except UnicodeDecodeError:
            self.wrong(node, f"{name} is not UTF-8 text")
        else:
            if not secret:
                self.wrong(node, f"{name} is empty", "a secret belongs into it")
            return secret
        return ""

    def _note(self, line: int, message: str, hint: str) -> None:
        self.problems.append(Problem(self.path, line, message, hint))
