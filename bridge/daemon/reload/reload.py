"""Reload: config, routes, imports, rules and secrets are read again, and replace the running ones if all is well."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from bridge.common.errors import SetupError
from bridge.common.files.file_watch import FilesWatcher, fingerprint
from bridge.config.field_lists import use_field_lists
from bridge.daemon.fleet.digest import program_digest
from bridge.daemon.fleet.rollout import Rollout
from bridge.daemon.reload.generation import Built, Generation, build_generation
from bridge.daemon.reload.live import NOTHING_REPLACED, LiveGeneration, PartlyReplacedError, Replaced
from bridge.journal import JournalBusyError, JournalError
from bridge.language.program.clauses import clause_label

_RETRY_SECONDS = 15.0
"""How often a reload is tried again that failed because of a missing file, a port in use or a full disk."""

_FLEET_SECONDS = 2.0
"""How long a reload waits for the other bridges of a fleet. What is loaded then is used once they have loaded it."""
_WAITS = "the changed routes are loaded, and used once the other bridges of the fleet have loaded them"

_CHANGED = "a file changed"
_FLEET = "the fleet has loaded it"
_CONFIG, _SECRETS = "config", "secrets"
_NOT_NOW = "the bridge is being restarted or stopped, and reads the files when it starts\n"


@dataclass(frozen=True, slots=True)
class ReloadOutcome:
    """What a reload did."""

    applied: bool
    """Whether the files on disk are in use now."""
    report: str
    """Errors and warnings, with excerpts."""
    error: str = ""
    """The first error in one line, if it is of a file."""
    replaced: Replaced = NOTHING_REPLACED
    may_pass: bool = False
    """Whether the same files may be usable later."""
    is_same: bool = False
    """Whether the files say what was in use already."""
    partly: bool = False
    """Whether a part of the files is in use."""
    waits: bool = False
    """Whether the routes are loaded, and used once the other bridges of the fleet have loaded them."""
    stale: tuple[str, ...] = ()
    """The groups of route files with errors, whose previous routes stay in use."""

    @property
    def problem(self) -> str:
        """Why the files on disk are not in use, in one line."""
        return (self.error or self.report.strip().partition("\n")[0])[:300]

    @property
    def restart(self) -> tuple[str, ...]:
        """Changed keys that take effect at the next start only."""
        return self.replaced.restart

    @property
    def forgotten(self) -> tuple[str, ...]:
        """Clauses that no route has any more, whose state was removed."""
        return self.replaced.forgotten

    @property
    def changes(self) -> tuple[str, ...]:
        """The sources, channels and listeners that were added, changed or removed."""
        return self.replaced.changes


class Reload:
    """A background service that reloads when a file changes, and when asked to. Callable from any thread."""

    def __init__(self, live: LiveGeneration, environ: Mapping[str, str]) -> None:
        self._live = live
        self._environ = environ
        self.rollout: Rollout | None = None
        """Of a bridge in a fleet: when changed routes are used."""
        self._loaded: Built | None = None
        """What is loaded, and used once the fleet has loaded it."""
        self._lock = threading.Lock()
        self._log = structlog.get_logger("reload")
        self._rejected: tuple[Path, ...] = ()
        """Files that the last reload read and that are not in use, because it was rejected."""
        self._seen = _content_of(live.current)
        self._watcher = FilesWatcher(self._watched, self._on_change, name="config", is_due=self._is_due)
        self._retry_at: float | None = None
        """When the last reload is tried again, in seconds of the monotonic clock; None if it is not."""
        self._closed = False
        self._paused = False
        self._problems: dict[str, tuple[str, int]] = {}
        """Why the config, or a secret, on disk is not in use, and since when."""
        self.last_success_ns = time.time_ns()
        self.last_forgotten: tuple[str, ...] = ()
        """Clauses whose state the last reload that changed something removed."""

    @property
    def problem(self) -> str:
        """Why the files on disk are not in use; empty while they are."""
        waiting = "" if self.rollout is None else self.rollout.problem
        return next((problem for problem, _ in self._problems.values()), waiting)

    @property
    def waits(self) -> bool:
        """Whether they are loaded, and the other bridges of the fleet are what keeps them from being used."""
        return bool(self.problem) and not self._problems

    @property
    def since_ns(self) -> int:
        """Since when."""
        waiting_since_ns = 0 if self.rollout is None else self.rollout.waits_since_ns
        return next((since_ns for _, since_ns in self._problems.values()), waiting_since_ns)

    def note(self, subject: str, problem: str) -> None:
        """Something on disk is not in use for this reason; with an empty text, it is again."""
        _, since_ns = self._problems.get(subject, ("", time.time_ns()))
        changed = {name: each for name, each in self._problems.items() if name != subject}
        self._problems = changed | ({subject: (problem, since_ns)} if problem else {})

    def start(self) -> None:
        """Start to watch the files that were read."""
        self._watcher.start()

    def close(self) -> None:
        """Stop watching."""
        self._closed = True
        self._watcher.close()

    @property
    def current(self) -> Generation:
        """The generation in use."""
        return self._live.current

    def pause(self) -> None:
        """Reject every reload from now on: a new process has got the listening sockets, and reads the files itself."""
        with self._lock:
            self._paused = True

    def resume(self) -> None:
        """Reload again. What has changed meanwhile is read."""
        self._paused = False
        self.reload("the restart failed")

    def reload(self, cause: str) -> ReloadOutcome:
        """Read everything again. On an error the running generation stays in use."""
        with self._lock:
            if self._paused or self._closed:
                return ReloadOutcome(False, _NOT_NOW)
            try:
                with self._live.changing:
                    outcome = self._reload()
            except JournalError as error:
                outcome = ReloadOutcome(False, f"{error}\n", may_pass=isinstance(error, JournalBusyError))
            except Exception:  # noqa: BLE001  # the running generation stays in use
                # No traceback: it may contain a secret.
                self._log.error("reload failed; keeping the running config", cause=cause)
                outcome = ReloadOutcome(False, "internal error while reloading; the running config stays in use\n")
            if not outcome.applied:
                use_field_lists(self._live.current.loaded.fields)
            self._note(outcome, cause)
            return outcome

    def _reload(self) -> ReloadOutcome:
        gc.unfreeze()  # what is replaced is garbage then
        built = build_generation(self._live.current.loaded.path, self._environ, self._live.current.groups)
        self._rejected = built.files
        if built.generation is None:
            return ReloadOutcome(False, built.text(), built.problem, may_pass=built.may_pass)
        self._loaded = None
        if self.rollout is not None and self.rollout.is_new(digest := program_digest(built.generation)):
            self._loaded = built
            if not self.rollout.propose(digest, _FLEET_SECONDS):
                return ReloadOutcome(False, f"{built.text()}{self.rollout.problem or _WAITS}\n", waits=True)
        return self._use(built, built.generation)

    def _use(self, built: Built, generation: Generation) -> ReloadOutcome:
        same = _texts_of(self._live.current) == _texts_of(generation)
        try:
            replaced = self._live.replace(generation)
        except SetupError as error:
            return ReloadOutcome(False, f"{built.text()}{error}\n", str(error), may_pass=True)
        except PartlyReplacedError as error:  # a restart uses the rest
            self._loaded = None
            return ReloadOutcome(False, f"{built.text()}{error}\n", str(error), partly=True)
        self._loaded = None
        if self.rollout is not None:
            self.rollout.adopted(program_digest(generation))
        stale = generation.stale
        self._rejected = built.files if stale else ()
        return ReloadOutcome(True, built.text(), built.problem, replaced, is_same=same and not stale, stale=stale)

    def use_loaded(self) -> bool:
        """The fleet has loaded the program that this bridge has loaded: use it. Returns whether it is in use."""
        with self._lock:
            built = self._loaded
            if built is None or built.generation is None or self._paused or self._closed:
                return built is None
            try:
                with self._live.changing:
                    outcome = self._use(built, built.generation)
            except JournalBusyError:  # the status says so; it is called again
                return False
            except Exception:  # noqa: BLE001  # the running generation stays in use
                self._log.error("reload failed; keeping the running config", cause=_FLEET)  # no traceback
                return False
            self._note(outcome, _FLEET)
            return outcome.applied

    def _note(self, outcome: ReloadOutcome, cause: str) -> None:
        self._note_outcome(outcome, cause)
        if self.rollout is not None:
            self.rollout.note_problem(next((problem for problem, _ in self._problems.values()), ""))

    def _note_outcome(self, outcome: ReloadOutcome, cause: str) -> None:
        self._retry_at = None
        if outcome.waits:
            self._log.info("reload waiting for other bridges", cause=cause)
            self.note(_CONFIG, "")
            return
        if outcome.partly:
            self._log.error("reload applied in part", cause=cause, problem=outcome.problem)
            self.note(_CONFIG, outcome.problem)
            return
        if not outcome.applied:
            problem = f"the changed config is not in use: {outcome.problem}"
            if problem != self._problems.get(_CONFIG, ("",))[0] or not outcome.may_pass:  # it is tried again and again
                self._log.error("reload rejected; keeping the running config", cause=cause, problem=outcome.problem)
            self.note(_CONFIG, problem)
            if outcome.may_pass:
                self._retry_at = time.monotonic() + _RETRY_SECONDS
            return
        if outcome.is_same and cause == _CHANGED and not self.problem:
            return  # a file was touched, or it was read a second time because others were found in it
        self.last_success_ns = time.time_ns()
        if not outcome.is_same:
            self.last_forgotten = outcome.forgotten
        self.note(_SECRETS, "")  # they were read too
        if outcome.stale:
            self._note_stale(outcome.stale, outcome.problem, cause)
        else:
            self.note(_CONFIG, "")
        for clause in outcome.forgotten:
            route, _, text = clause.partition("\n")
            self._log.info("clause state removed", route=route, clause=clause_label(text))
        self._log.info("reloaded", cause=cause, changes=list(outcome.changes), restart_needed=list(outcome.restart))

    def _note_stale(self, groups: Sequence[str], problem: str, cause: str) -> None:
        names = ", ".join(groups)
        self.note(_CONFIG, f"the changed routes of {names} are not in use: {problem}")
        self._log.error("routes rejected; keeping those in use", groups=list(groups), cause=cause, problem=problem)

    def _is_due(self) -> bool:
        return self._retry_at is not None and time.monotonic() >= self._retry_at

    def _watched(self) -> tuple[Path, ...]:
        return tuple(dict.fromkeys((*watched_paths(self._live.current), *self._rejected)))

    def _on_change(self) -> None:
        seen = (_content_of(self._live.current), fingerprint(self._rejected))
        if self._seen != seen:  # else another file of a watched folder changed
            self._seen = seen
            self.reload(_CHANGED)
        elif self._is_due():
            self.reload("tried again")


def watched_paths(generation: Generation) -> tuple[Path, ...]:
    """Every file that was read, and the folders in which further route files may appear. Not those of secrets."""
    return tuple(dict.fromkeys((*_files_of(generation), *generation.folders)))


def _files_of(generation: Generation) -> tuple[Path, ...]:
    loaded = generation.loaded
    return (loaded.path, *generation.files, *loaded.routes)


def _content_of(generation: Generation) -> tuple[object, ...]:
    """A value that changes when one of the files does, or when a route file appears or goes."""
    names = [str(path) for folder in generation.folders for path in sorted(folder.glob("*.route"))]
    return (fingerprint(_files_of(generation)), tuple(names))


def _texts_of(generation: Generation) -> tuple[object, ...]:
    """All that was read, secrets included."""
    return generation.config, generation.texts, generation.loaded.fields, generation.shadow.sources
