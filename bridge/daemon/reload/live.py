"""The one reference to the generation in use, and what a swap changes in the running parts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from msgspec import structs

from bridge.common.log_setup import configure_logging
from bridge.common.net.listening import ListeningSockets
from bridge.config.schema.config import Config
from bridge.config.schema.sources import SourceSettings, StdinSettings
from bridge.config.secrets import with_secrets
from bridge.daemon.operator_listeners import OperatorListeners
from bridge.daemon.reload.generation import Generation
from bridge.daemon.running_sources import RunningSources, SourceChanges
from bridge.daemon.sources import Prepared, prepare_source
from bridge.journal import JournalBusyError, JournalError
from bridge.journal.location import DatabaseLocation
from bridge.operator.service import OperatorService
from bridge.pipeline.courier_process import CourierProcess
from bridge.tracing.settings import TraceSettings

_LISTENERS = ("admin", "metrics", "acknowledge")


@dataclass(frozen=True, slots=True)
class RunningParts:
    """What a swap changes."""

    sources: RunningSources
    operator: OperatorListeners
    courier: CourierProcess
    listening: ListeningSockets
    use_routes: Callable[[Generation], dict[str, int]]
    """Decides with the routes of another generation; returns the clauses that are forgotten.

    Raises JournalError, and changes nothing then.
    """
    use_rest: Callable[[Generation], None] = lambda _generation: None
    """Uses what goes with the routes: shadow, typed commands, silences, retention."""
    use_traces: Callable[[TraceSettings | None], None] = lambda _settings: None
    """Exports the router's traces as these settings say. Raises SetupError."""
    use_console: Callable[[Generation], None] = lambda _generation: None
    """Serves the console as a generation says. Raises SetupError."""
    check_journal: Callable[[], None] = lambda: None
    """Raises JournalBusyError while ``use_routes`` would wait for a full disk."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """What a swap changed."""

    forgotten: tuple[str, ...] = ()
    """Clauses that no route has any more, whose state was removed."""
    changes: tuple[str, ...] = ()
    """The sources, channels and listeners that were added, changed or removed."""
    restart: tuple[str, ...] = ()
    """Changed keys that take effect at the next start only."""


NOTHING_REPLACED = Replaced()


class PartlyReplacedError(Exception):
    """A swap failed after it had begun: a part of the new config is in use."""

    def __init__(self, cause: Exception) -> None:
        """Names the cause only where its text holds no secret."""
        is_clear = isinstance(cause, RuntimeError | JournalError)
        text = cause.strerror if isinstance(cause, OSError) else str(cause) if is_clear else None
        super().__init__(
            f"the changed config is in use only in part ({text or type(cause).__name__}); restart the bridge"
        )


class LiveGeneration:
    """Holds the generation in use."""

    def __init__(self, generation: Generation, parts: RunningParts) -> None:
        self._current = generation
        self._parts = parts
        self._lock = threading.Lock()
        self._partly: PartlyReplacedError | None = None
        """Set until the restart: the next swap would take for used what is not."""
        self.changing = threading.Lock()
        """Held while the next generation is built from this one, until it is in use."""

    @property
    def current(self) -> Generation:
        """The generation in use. Thread-safe."""
        return self._current

    def replace(self, new: Generation) -> Replaced:
        """Use another generation, in one step. Thread-safe.

        Raises SetupError, and JournalError where the journal refuses the routes, and changes nothing then. Raises
        JournalBusyError while the journal cannot be used; the routes may be in use then. Raises PartlyReplacedError
        where no thread can be started or no descriptor is left, and from then on.
        """
        with self._lock:
            if self._partly is not None:
                raise self._partly
            self._parts.check_journal()
            running = self._current
            generation, restart = _with_running_sections(new, running)
            before = with_secrets(running.config, generation.config)
            config = generation.config
            with self._parts.listening.trial():
                prepared = self._prepared(before, config)
                listens_otherwise = any(getattr(before, name) != getattr(config, name) for name in _LISTENERS)
                operator = OperatorService(config, self._parts.listening) if listens_otherwise else None
                self._parts.use_traces(generation.trace_settings())
                self._parts.use_console(generation)
                of_courier = generation.courier_settings()
            forgotten: dict[str, int] | None = None
            try:
                forgotten = self._parts.use_routes(generation)
                self._parts.use_rest(generation)
                self._swap(generation, of_courier)
                if operator is not None:
                    self._parts.operator.replace(operator)
                self._parts.sources.replace(SourceChanges(config.sources, prepared), config.shutdown.drain.seconds)
            except Exception as error:
                if isinstance(error, JournalBusyError) or (forgotten is None and isinstance(error, JournalError)):
                    raise  # before anything else, or until the journal can be used: then all of it is done again
                self._partly = PartlyReplacedError(error)
                raise self._partly from error
            lost = tuple(sorted(clause for clause, keys in forgotten.items() if keys))
            return Replaced(lost, tuple(_changes(running.config, before, config)), restart)

    def swap(self, generation: Generation) -> None:
        """Use another generation with the same routes, sources and listeners. Thread-safe."""
        with self._lock:
            self._parts.use_traces(generation.trace_settings())
            self._parts.use_console(generation)
            self._swap(generation, generation.courier_settings())

    def _prepared(self, before: Config, config: Config) -> dict[str, Prepared]:
        """The new and the changed sources, by name."""
        running = {each.name: each for each in before.sources}
        return {
            each.name: prepare_source(each, self._parts.listening)
            for each in config.sources
            if running.get(each.name) != each
        }

    def _swap(self, generation: Generation, of_courier: Mapping[str, object]) -> None:
        previous, self._current = self._current, generation
        config = generation.config
        configure_logging(config.log.level, config.log.format, generation.masked)
        self._parts.sources.rotate_secrets(config.sources)
        self._parts.operator.rotate(config)
        if of_courier != previous.courier_settings():
            self._parts.courier.configure(of_courier, generation.loaded.secret_names)


def _with_running_sections(new: Generation, running: Generation) -> tuple[Generation, tuple[str, ...]]:
    """The new generation, but with the values of the running one that only a restart can change."""
    restart: list[str] = []
    config = new.config
    location, used = config.journal.location, running.config.journal.location
    if location != used and not (isinstance(location, DatabaseLocation) and location.is_same(used)):
        restart.append("journal.path" if config.journal.path != running.config.journal.path else "journal.url")
        before = running.config.journal
        journal = structs.replace(config.journal, path=before.path, url=before.url, password=before.password)
        config = structs.replace(config, journal=journal)
    if config.roles != running.config.roles:
        restart.append("roles")
        config = structs.replace(config, roles=running.config.roles)
    if config.journal.lease != running.config.journal.lease:
        restart.append("journal.lease")
        config = structs.replace(config, journal=structs.replace(config.journal, lease=running.config.journal.lease))
    stdin = {each.name: each for each in running.config.sources if isinstance(each, StdinSettings)}
    if any(each != stdin.get(each.name, each) for each in config.sources if isinstance(each, StdinSettings)):
        restart.append("sources: stdin")  # what was read of a line would be lost
        sources = tuple(stdin.get(each.name, each) for each in config.sources)
        config = structs.replace(config, sources=sources)
    return replace(new, config=config, masked=new.masked | running.masked), tuple(restart)


def _changes(running: Config, before: Config, config: Config) -> list[str]:
    """In words, in the order of the config. ``before`` is the running config with the new secrets."""
    sources = _compared("source", _by_name(before.sources), _by_name(config.sources))
    channels = _compared("channel", dict(running.channels), dict(config.channels))
    listeners = [f"listener `{name}` changed" for name in _LISTENERS if getattr(before, name) != getattr(config, name)]
    terminal = [f"terminal commands {config.terminal}"] if running.terminal != config.terminal else []
    console = ["console changed"] if before.console != config.console else []
    return [*sources, *channels, *listeners, *terminal, *console]


def _by_name(sources: Sequence[SourceSettings]) -> dict[str, object]:
    return {each.name: each for each in sources}


def _compared(noun: str, before: dict[str, object], now: dict[str, object]) -> Sequence[str]:
    added = [f"{noun} `{name}` added" for name in now if name not in before]
    changed = [f"{noun} `{name}` changed" for name in now if name in before and before[name] != now[name]]
    return [*added, *changed, *(f"{noun} `{name}` removed" for name in before if name not in now)]
