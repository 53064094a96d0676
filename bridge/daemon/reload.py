"""Reload: config, routes, imports, rules and secrets are read again, and replace the running ones if all is well."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import structlog
from msgspec import structs

from bridge.common.file_watch import FilesWatcher, fingerprint
from bridge.config.field_lists import use_field_lists
from bridge.config.secrets import with_secrets
from bridge.daemon.generation import Generation, build_generation
from bridge.daemon.live import LiveGeneration

_NEEDS_RESTART = ("sources", "admin", "metrics", "shutdown")
"""Sections that take effect when the bridge starts."""


@dataclass(frozen=True, slots=True)
class ReloadOutcome:
    """What a reload did."""

    applied: bool
    """Whether the files on disk are in use now."""
    report: str
    """Errors and warnings, with excerpts."""
    restart: tuple[str, ...] = ()
    """Changed sections that take effect at the next start only."""
    forgotten: tuple[str, ...] = ()
    """Clauses that no route has any more, whose state was removed."""


class Reload:
    """A background service that reloads when a file changes, and when asked to. Callable from any thread."""

    def __init__(self, live: LiveGeneration, environ: Mapping[str, str]) -> None:
        self._live = live
        self._environ = environ
        self._lock = threading.Lock()
        self._closed = False
        self._log = structlog.get_logger("reload")
        self._watcher: FilesWatcher | None = None
        self._seen = _content_of(live.current)
        self.problem = ""
        """Why the files on disk are not in use; empty while they are."""
        self.since_ns = 0
        """Since when."""
        self.last_success_ns = time.time_ns()

    def start(self) -> None:
        """Start to watch the files that were read."""
        self._watch()

    def close(self) -> None:
        """Stop watching."""
        self._closed = True
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.close()

    def reload(self, cause: str) -> ReloadOutcome:
        """Read everything again. On an error the running generation stays in use."""
        with self._lock:
            try:
                outcome = self._reload()
            except Exception:  # noqa: BLE001  # the running generation stays in use
                # No traceback: it may contain a secret.
                self._log.error("reload failed; keeping the running config", cause=cause)
                outcome = ReloadOutcome(False, "internal error while reloading; the running config stays in use")
            self._note(outcome, cause)
            return outcome

    def _reload(self) -> ReloadOutcome:
        built = build_generation(self._live.current.loaded.path, self._environ)
        running = self._live.current
        if built.generation is None:
            use_field_lists(running.loaded.fields)
            return ReloadOutcome(False, built.text())
        generation, restart = _with_running_sections(built.generation, running)
        forgotten = self._live.replace(generation)
        return ReloadOutcome(True, built.text(), restart, tuple(sorted(forgotten)))

    def _note(self, outcome: ReloadOutcome, cause: str) -> None:
        if not outcome.applied:
            self.since_ns = self.since_ns or time.time_ns()
            self.problem = f"the changed config is not in use: {_first_line(outcome.report)}"
            problem = _first_line(outcome.report)
            self._log.error("reload rejected; keeping the running config", cause=cause, problem=problem)
            return
        self.problem, self.since_ns, self.last_success_ns = "", 0, time.time_ns()
        for clause in outcome.forgotten:
            route, _, text = clause.partition("\n")
            self._log.info("state forgotten", route=route, clause=text)
        self._log.info("reloaded", cause=cause, restart_needed=list(outcome.restart))

    def _watch(self) -> None:
        """Watch what was read last; after each reload that may be other files."""
        if not self._closed:
            self._watcher = FilesWatcher(watched_paths(self._live.current), self._on_change, name="config")
            self._watcher.start()

    def _on_change(self) -> None:
        before = watched_paths(self._live.current)
        if self._seen == (seen := _content_of(self._live.current)):
            return  # another file of a watched folder
        self._seen = seen
        self.reload("a file changed")
        if watched_paths(self._live.current) != before:
            # This is the watcher's own thread: it ends once it is closed, and another one takes over.
            watcher = self._watcher
            threading.Thread(target=self._rewatch, args=(watcher,), name="watch config again", daemon=True).start()

    def _rewatch(self, watcher: FilesWatcher | None) -> None:
        if watcher is not None:
            watcher.close()
        self._watch()


def watched_paths(generation: Generation) -> tuple[Path, ...]:
    """Every file that was read, and the folders in which further route files may appear. Not those of secrets."""
    folders = sorted({path.parent for path in generation.loaded.routes})
    return tuple(dict.fromkeys((*_files_of(generation), *folders)))


def _files_of(generation: Generation) -> tuple[Path, ...]:
    loaded = generation.loaded
    return (loaded.path, *generation.files, *loaded.routes)


def _content_of(generation: Generation) -> tuple[object, ...]:
    """A value that changes when one of the files does, or when a route file appears or goes."""
    folders = sorted({path.parent for path in generation.loaded.routes})
    names = [str(path) for folder in folders for path in sorted(folder.glob("*.route"))]
    return (fingerprint(_files_of(generation)), tuple(names))


def _with_running_sections(new: Generation, running: Generation) -> tuple[Generation, tuple[str, ...]]:
    """The new generation, but with the sections of the running one that only a restart can change.

    Rotated secrets are no change of a section.
    """
    base = with_secrets(running.config, new.config)
    changed = [name for name in _NEEDS_RESTART if getattr(new.config, name) != getattr(base, name)]
    kept = {name: getattr(base, name) for name in changed}
    if new.config.journal.path != base.journal.path:
        changed.append("journal.path")
        kept["journal"] = structs.replace(new.config.journal, path=base.journal.path)
    config = structs.replace(new.config, **kept)
    return replace(new, config=config, masked=new.masked | running.masked), tuple(changed)


def _first_line(report: str) -> str:
    return report.strip().partition("\n")[0][:300]
