"""The one reference to the generation in use, and what a swap changes in the running parts."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.common.log_setup import configure_logging
from bridge.daemon.generation import Generation
from bridge.daemon.sources import rotate_source_secrets
from bridge.operator.service import OperatorService
from bridge.pipeline.courier_process import CourierProcess
from bridge.sources.contract import Source


class LiveGeneration:
    """Holds the generation in use."""

    def __init__(
        self, generation: Generation, sources: Sequence[Source], courier: CourierProcess, operator: OperatorService
    ) -> None:
        self._current = generation
        self._sources = sources
        self._courier = courier
        self._operator = operator

    @property
    def current(self) -> Generation:
        """The generation in use. Thread-safe."""
        return self._current

    def swap(self, generation: Generation) -> None:
        """Use another generation from now on. Only one thread may call this."""
        previous, self._current = self._current, generation
        config = generation.config
        configure_logging(config.log.level, config.log.format, generation.masked)
        rotate_source_secrets(self._sources, config.sources)
        self._operator.rotate(config)
        if config.channels != previous.config.channels:
            self._courier.replace(generation.courier_settings())
