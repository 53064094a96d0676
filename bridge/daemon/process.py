"""The process of a bridge: checks, runs, and at SIGUSR2 hands over to a new process that serves the same sockets."""

from __future__ import annotations

import os
import resource
import sys
import threading
from contextlib import closing, suppress
from pathlib import Path

import structlog

from bridge.common.collection import collection_paused
from bridge.common.errors import SetupError
from bridge.common.log_setup import configure_logging
from bridge.common.net.listening import ListeningSockets
from bridge.common.service_manager import notify
from bridge.config.load import LoadedConfig
from bridge.config.schema.sources import StdinSettings
from bridge.daemon.assembly.assemble import assemble, prepare
from bridge.daemon.exit_codes import CANNOT_START, INVALID
from bridge.daemon.fleet.joining import await_routes, await_routes_before
from bridge.daemon.fleet.member import router_member
from bridge.daemon.fleet.rollout import RESTART_SECONDS
from bridge.daemon.handover import Predecessor, Successor, start_successor
from bridge.daemon.reload.generation import Generation, build_from
from bridge.daemon.reload.reload import Reload
from bridge.daemon.run import Bridge
from bridge.daemon.signals import on_hangup_signal, on_restart_signal, on_stop_signal
from bridge.journal import JournalError
from bridge.journal.opening import open_for_router, open_to_read, open_to_write

_MAX_OPEN_FILES = 65_536
_CHECK_SECONDS = 300.0
"""How long a new process may take to check everything. This one serves meanwhile."""
_START_SECONDS = 60.0
"""How long a new process may take to open the journal and to start. Senders wait meanwhile."""


def run(loaded: LoadedConfig, listening: ListeningSockets, predecessor: Predecessor | None) -> int:
    """Check everything and run until stopped. Returns the exit code."""
    with collection_paused(lasting=True):  # examining it would stop the bridge for 50 ms and more
        built = build_from(loaded)
    _report(built.text())
    generation = built.generation
    if generation is None:
        return CANNOT_START if built.may_pass else INVALID
    log = generation.config.log
    configure_logging(log.level, log.format, generation.masked)
    _raise_file_limit()
    process = BridgeProcess(generation, listening)
    try:
        if predecessor is None:
            process.open()
            _warn_of_unused(listening)
        else:
            process.open_after(predecessor)
        listening.close()
        return process.run(predecessor)
    except (JournalError, SetupError) as error:
        _report(f"falco-bridge: {error}\n")
        return CANNOT_START


class BridgeProcess:
    """The bridge of this process, and its successor while there is one."""

    def __init__(self, generation: Generation, listening: ListeningSockets) -> None:
        self._generation = generation
        self._listening = listening
        self._bridge: Bridge
        self._reload: Reload
        self._successor: Successor | None = None
        self._thread: threading.Thread | None = None
        """Starts a successor and waits for it."""
        self._stopped = threading.Event()
        self._restarting = threading.Lock()
        """Held while a successor checks, starts, or has taken over."""
        self._wanted = threading.Event()
        """A restart was requested and has not begun. It begins when the one before it has failed."""
        self._log = structlog.get_logger("bridge")

    def open(self) -> None:
        """Open the journal, then the rest. Raises JournalError and SetupError."""
        config = self._generation.config
        settings = config.journal
        journal = open_for_router(
            settings.location, _report_standby if settings.standby else None, router_member(config)
        )
        await_routes(self._generation, journal)
        parts = prepare(self._generation, self._listening)
        self._bridge, self._reload = assemble(self._generation, journal, parts)

    def open_after(self, predecessor: Predecessor) -> None:
        """Set up everything else before the old process closes the journal. Raises JournalError and SetupError."""
        config = self._generation.config
        location = config.journal.location
        parts = prepare(self._generation, self._listening)
        if not isinstance(location, Path):
            with closing(open_to_write(location)) as journal:  # it expands the tables, which the old process still uses
                await_routes_before(self._generation, journal)
        elif location.exists():
            open_to_read(location).close()
        predecessor.take_over()
        journal = open_for_router(location, None, router_member(config))
        await_routes(self._generation, journal, RESTART_SECONDS)
        self._bridge, self._reload = assemble(self._generation, journal, parts)
        self._listening.own_paths()

    def run(self, predecessor: Predecessor | None) -> int:
        """Work until stopped or replaced. Returns the exit code. Raises JournalError and SetupError."""
        on_stop_signal(self.stop)
        on_restart_signal(self.restart)
        on_hangup_signal(lambda: self._reload.reload("SIGHUP"), self.stop)
        code = self._bridge.run(lambda: _started(predecessor))
        while (successor := self._successor) is not None:
            successor.release()
            if successor.await_started(_START_SECONDS, self._stopped):
                self._log.info("handed over", process=successor.pid)
                notify(f"MAINPID={successor.pid}")
                return code
            if self._stopped.is_set():
                return code
            self._log.error("restart failed; this process continues", exit=successor.exit_code())
            code = self._resume()
        if self._stopped.is_set() and self._thread is not None:
            self._thread.join()  # it ends the new process, which would take over otherwise
            if self._successor is not None:
                self._successor.end()
        return code

    def stop(self) -> None:
        """Drain and stop. Called a second time, it aborts the drain."""
        notify("STOPPING=1")
        self._stopped.set()
        self._bridge.stop()

    def restart(self) -> None:
        """Start a new process, and hand over to it once it has checked everything."""
        problem = self._restart_problem()
        if problem:
            self._log.error("restart refused", problem=problem)
            return
        self._wanted.set()
        if self._restarting.acquire(blocking=False):
            self._wanted.clear()
            thread = threading.Thread(target=self._replace, name="restart", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # no thread is left
                self._log.error("restart failed; this process continues", problem=str(error))
                self._restarting.release()
            else:
                self._thread = thread

    def _restart_problem(self) -> str:
        if os.getpid() == 1:
            return "process 1 of a container cannot be replaced; restart the container"
        if any(isinstance(each, StdinSettings) for each in self._reload.current.config.sources):
            return "standard input cannot be handed over; stop this process and start another"
        return ""

    def _replace(self) -> None:
        self._reload.pause()
        self._log.info("restarting")
        found = self._checked_successor()
        if found is None:
            self._reload.resume()
            self._end_restart()
            return
        self._listening.leave_paths()
        self._successor, self._listening = found
        self._bridge.hand_over()

    def _checked_successor(self) -> tuple[Successor, ListeningSockets] | None:
        """A new process that has checked everything, and its sockets; None where it could not, which is logged."""
        listening = ListeningSockets()
        try:
            own, managed = self._listening.duplicates()
            listening = ListeningSockets(own, managed)
            successor = start_successor(own, managed)
        except OSError as error:  # no descriptor, memory or process is left
            self._log.error("restart failed; this process continues", problem=str(error))
            listening.close()
            return None
        if successor.await_ready(_CHECK_SECONDS, self._stopped):
            return successor, listening
        listening.close()
        if not self._stopped.is_set():
            self._log.error(
                "restart failed; this process continues", exit=successor.exit_code(),
                remedy="fix what the new process reported, and send SIGUSR2 again",
            )  # fmt: skip
        return None

    def _resume(self) -> int:
        """Continue after a successor that failed, with the sockets that it was given."""
        self._successor = None
        self._generation = self._reload.current
        self.open()
        self._listening.own_paths()
        if self._stopped.is_set():  # the signal may have reached the previous bridge only
            self._bridge.stop()
        self._end_restart()
        return self._bridge.run(lambda: _started(None))

    def _end_restart(self) -> None:
        """A restart has failed. Begin the one that was requested meanwhile, such as with a corrected config."""
        self._restarting.release()
        if self._wanted.is_set() and not self._stopped.is_set():
            self.restart()


def _report_standby(why: str) -> None:
    """Another bridge has the journal. For a service manager, this one is started."""
    structlog.get_logger("bridge").info("standing by", reason=why)
    notify("READY=1")


def _started(predecessor: Predecessor | None) -> None:
    if predecessor is not None:
        predecessor.started()
    notify("READY=1")


def _warn_of_unused(listening: ListeningSockets) -> None:
    for address in listening.unused():
        structlog.get_logger("bridge").warning(
            "socket of the service manager not used", address=address,
            remedy="make ListenStream= equal to an address of the config",
        )  # fmt: skip


def _report(text: str) -> None:
    """Like the log, standard error may be on a full disk; that must not stop the bridge."""
    if text:
        with suppress(OSError):
            print(text, end="", file=sys.stderr, flush=True)  # noqa: T201


def _raise_file_limit() -> None:
    """Each followed file and each connection needs a descriptor; the usual limit is 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _MAX_OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
