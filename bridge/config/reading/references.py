"""``${NAME}`` and ``${file:PATH}`` in the values of a config."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from pathlib import Path

from bridge.common.files.text_file import read_bounded_text
from bridge.config.reading.document import REFERENCE

_LARGEST_FILE = 64 << 10
_REMEDIES: dict[int | None, str] = {
    errno.EACCES: "let the bridge's user read it",
    errno.EPERM: "let the bridge's user read it",
    errno.ENOENT: "create the file, or correct its path",
}


class References:
    """Resolves references, and records the files and variables that they name."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        """Relative paths start at ``folder``."""
        self.files: list[Path] = []
        """The files that were named."""
        self.names: list[str] = []
        """The variables that were named."""
        self.used = False
        """Whether the last text had a reference."""
        self.whole_file: Path | None = None
        """The file that the last text consisted of: ``${file:PATH}`` and nothing else."""
        self._folder = folder
        self._environ = environ
        self._problems: list[tuple[str, str]] = []

    def resolve(self, text: str) -> str | None:
        """The text with its references replaced; None where one cannot be."""
        self.used = False
        match = REFERENCE.fullmatch(text)
        self.whole_file = self._folder / match["name"] if match and match["file"] and match["name"] else None
        resolved = "".join(self._pieces(text))
        return None if self._problems else resolved

    def take_problems(self) -> list[tuple[str, str]]:
        """What was wrong with the last text: messages with remedies."""
        problems, self._problems = self._problems, []
        return problems

    def _pieces(self, text: str) -> Iterator[str]:
        at = 0
        for match in REFERENCE.finditer(text):
            yield text[at : match.start()]
            at = match.end()
            if match["name"] is None:
                yield "${"
                continue
            self.used = True
            yield self._from_file(match["name"]) if match["file"] else self._from_environment(match["name"])
        yield text[at:]

    def _from_environment(self, name: str) -> str:
        self.names.append(name)
        if not name:
            self._problems.append(("`${}` names no variable", "write `${NAME}`"))
        elif name not in self._environ:
            self._problems.append((f"the environment has no {name}", "set it where the bridge is started"))
        return self._environ.get(name, "")

    def _from_file(self, name: str) -> str:
        if not name:
            self._problems.append(("`${file:}` names no file", "write `${file:PATH}`"))
            return ""
        path = self._folder / name
        self.files.append(path)
        try:
            secret = read_bounded_text(path, largest=_LARGEST_FILE).strip()
        except OSError as error:
            remedy = _REMEDIES.get(error.errno, "name the file of the secret")
            self._problems.append((f"{name} cannot be read ({error.strerror})", remedy))
        except UnicodeDecodeError:
            self._problems.append((f"{name} is not UTF-8 text", "write the secret as UTF-8"))
        else:
            if not secret:
                self._problems.append((f"{name} is empty", "write the secret into it"))
            return secret
        return ""
