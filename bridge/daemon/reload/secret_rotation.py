"""Replaces secrets while the bridge runs: a changed file of ``${file:…}`` gives the next generation."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from bridge.common.errors import SetupError
from bridge.common.files.file_watch import FilesWatcher
from bridge.daemon.reload.generation import Generation, with_new_secrets
from bridge.daemon.reload.live import LiveGeneration


class SecretRotation:
    """A background service that watches the files of secrets."""

    def __init__(
        self, live: LiveGeneration, environ: Mapping[str, str], report: Callable[[str], None] = lambda _problem: None
    ) -> None:
        """``report`` receives the reason why a changed secret is not in use; an empty text once all are."""
        self._live = live
        self._report = report
        self._environ = environ
        self._log = structlog.get_logger("secrets")
        self._watcher = FilesWatcher(lambda: live.current.loaded.secret_files, self.rotate, name="secrets")

    def start(self) -> None:
        """Start to watch."""
        self._watcher.start()

    def close(self) -> None:
        """Stop watching."""
        self._watcher.close()

    def rotate(self) -> bool:
        """Read the secrets again. Returns whether some changed and are in use now."""
        with self._live.changing:
            return self._rotate()

    def _rotate(self) -> bool:
        try:
            built = with_new_secrets(self._live.current, self._environ)
        except Exception:  # noqa: BLE001  # the previous secrets remain valid
            self._log.error("secrets not read; keeping the previous ones")  # no traceback: it may contain one
            self._report("a changed secret is not in use: internal error while reading it")
            return False
        for each in built.diagnostics:
            self._log.error("new secret rejected; keeping the previous one", problem=each.message, remedy=each.hint,
                            config=each.span.path, line=each.span.line)  # fmt: skip
        problem = next((f"{each.message} (line {each.span.line} of the config)" for each in built.diagnostics), "")
        self._report(f"a changed secret is not in use: {problem}" if problem else "")
        if built.generation is None or built.generation is self._live.current:
            return False
        return self._swap(built.generation)

    def _swap(self, generation: Generation) -> bool:
        """Use it. Returns whether that worked. An error would end the thread that watches the files."""
        try:
            self._live.swap(generation)
        except SetupError as error:
            problem = str(error)
        except Exception:  # noqa: BLE001  # the previous secrets remain valid
            problem = "internal error while using it"  # no traceback: it may contain one
        else:
            self._log.info("secrets rotated")
            return True
        self._log.error("new secrets not used; keeping the previous ones", problem=problem)
        self._report(f"a changed secret is not in use: {problem}")
        return False
