"""The one reference to the generation in use, and what a swap changes in the running parts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from bridge.common.log_setup import configure_logging
from bridge.daemon.generation import Generation
from bridge.daemon.sources import rotate_source_secrets
from bridge.operator.service import OperatorService
from bridge.pipeline.courier_process import CourierProcess
from bridge.sources.contract import Source


class LiveGeneration:
    """Holds the generation in use."""

    def __init__(
        self,
        generation: Generation,
        sources: Sequence[Source],
        courier: CourierProcess,
        operator: OperatorService,
        use_routes: Callable[[Generation], dict[str, int]],
    ) -> None:
        """``use_routes`` decides with the routes of another generation; it returns the clauses that are forgotten."""
        self._current = generation
        self._use_routes = use_routes
        self._lock = threading.Lock()
        self._sources = sources
        self._courier = courier
        self._operator = operator

    @property
    def current(self) -> Generation:
        """The generation in use. Thread-safe."""
        return self._current

    def replace(self, generation: Generation) -> dict[str, int]:
        """Use another generation with its routes. Returns the clauses whose state is forgotten. Thread-safe."""
        with self._lock:
            forgotten = self._use_routes(generation)
            self._swap(generation)
        return forgotten

    def swap(self, generation: Generation) -> None:
        """Use another generation with the same routes. Thread-safe."""
        with self._lock:
            self._swap(generation)

    def _swap(self, generation: Generation) -> None:
        previous, self._current = self._current, generation
        config = generation.config
        configure_logging(config.log.level, config.log.format, generation.masked)
        rotate_source_secrets(self._sources, config.sources)
        self._operator.rotate(config)
        if generation.courier_settings() != previous.courier_settings():
            self._courier.replace(generation.courier_settings())
