"""The console's process of the running config. A reload that changes what it depends on starts another one."""

from __future__ import annotations

import threading
from pathlib import Path

from bridge.config.schema.config import Config
from bridge.console.process.launch import ConsoleLaunch, Surroundings, launch_of
from bridge.console.process.process import ConsoleProcess
from bridge.daemon.reload.generation import Generation
from bridge.operator.model.status import ConsoleStatus


class RunningConsole:
    """A background service that holds the process, while the config has a console."""

    def __init__(self) -> None:
        self._process: ConsoleProcess | None = None
        self._used: tuple[object, ...] = ()
        """What the process was started with."""
        self._lock = threading.Lock()
        self._started = self._closed = False

    def use(self, generation: Generation) -> None:
        """Serve as this generation says. A process that would serve the same continues. Raises SetupError."""
        launch = _launch(generation.config, generation.loaded.path)
        used = (launch, generation.config.fields)
        with self._lock:
            if self._closed or used == self._used:
                return
            previous, self._used = self._process, used
            self._process = None if launch is None else ConsoleProcess(launch, generation.loaded.secret_names)
            if previous is not None and self._started:
                threading.Thread(target=self._replace, args=(previous, self._process), name="console end").start()
            elif self._process is not None and self._started:
                self._process.start()

    def status(self) -> ConsoleStatus | None:
        """How the process is doing; None while the config has no console."""
        process = self._process
        if process is None:
            return None
        return ConsoleStatus(
            pid=process.pid, restarts=process.restarts, address=process.address, problem=process.problem
        )

    def start(self) -> None:
        """Start the process, if there is one."""
        with self._lock:
            self._started = True
            if self._process is not None:
                self._process.start()

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._closed = True
            process = self._process
        if process is not None:
            process.close()

    def _replace(self, previous: ConsoleProcess, following: ConsoleProcess | None) -> None:
        """The previous process ends first: both may use the same address."""
        previous.close()
        with self._lock:
            if following is not None and following is self._process and not self._closed:
                following.start()


def _launch(config: Config, path: Path) -> ConsoleLaunch | None:
    if config.console is None:
        return None
    assert config.admin.socket is not None
    routes = tuple(path for group in config.routes for path in group.files)
    rest = Surroundings(
        path.absolute(), config.journal.location, config.admin.socket, routes, config.labels, config.fields
    )
    return launch_of(config.console, rest, {"level": config.log.level, "format": config.log.format})
