"""Reads route files of a revision of the git repository that the current folder is in."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from bridge.language.diagnostics.source import SourceText
from bridge.workbench.routes import read_text_file

_SECONDS = 60


class GitError(Exception):
    """The revision or the path cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class GitFiles:
    """The files of one commit. Their paths are ``REVISION:/PATH``, with the path from the repository's root."""

    revision: str
    """As the user wrote it."""
    commit: str
    prefix: str
    """What precedes the paths of this commit's files."""

    def list(self, path: str, suffix: str) -> list[Path]:
        """The file at a path, or the files with that suffix in the folder and below, sorted bytewise. Raises GitError.

        As in git, a path starts at the repository's root unless it starts with ``./`` or ``../``.
        """
        if path.startswith("."):
            path = _git("rev-parse", "--show-prefix").strip() + path
        path = _normal(path)
        kind = _git("cat-file", "-t", f"{self.commit}:{path}").strip()
        if kind == "blob":
            return [Path(self.prefix + path)]
        listed = _git("ls-tree", "-r", "-z", "--name-only", "--full-tree", f"{self.commit}:{path}").split("\0")
        folder = f"{path}/" if path else ""
        found = sorted(f"{folder}{name}" for name in listed if name.endswith(suffix))
        if not found:
            raise GitError(f"{self.revision}:{path} has no {suffix} file")
        return [Path(self.prefix + each) for each in found]

    def read(self, path: Path) -> SourceText | str:
        """The text of a file of this commit; or a sentence that says why it cannot be read."""
        name = str(path)
        if path.is_absolute():  # such as Falco's own rules
            return read_text_file(path)
        if not name.startswith(self.prefix):
            return f"{name}: is outside of the repository"
        try:
            text = _git("cat-file", "blob", f"{self.commit}:{name.removeprefix(self.prefix)}")
        except GitError as error:
            return f"{name}: {error}"
        return SourceText(name, text.removeprefix("\ufeff"))


def find_revision(revision: str) -> GitFiles:
    """The files of a revision: a branch, a tag, a commit, ``HEAD~1``. Raises GitError."""
    commit = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").strip()
    return GitFiles(revision, commit, f"{revision}:/")


def _normal(path: str) -> str:
    """The path without ``.`` and ``..``. Raises GitError where it leads out of the repository."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if not parts:
                raise GitError(f"{path} is outside of the repository")
            parts.pop()
        elif part not in {"", "."}:
            parts.append(part)
    return "/".join(parts)


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603  # no shell; a revision cannot be an option
            ["git", *arguments],  # noqa: S607  # the git of the user's PATH
            capture_output=True, timeout=_SECONDS, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitError(f"git cannot be run ({error})") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().removeprefix("fatal: ")
        raise GitError(said.splitlines()[0] if said else "git does not know the revision; fetch it first")
    try:
        return done.stdout.decode("utf-8")
    except UnicodeDecodeError as error:
        raise GitError(f"is not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from error
