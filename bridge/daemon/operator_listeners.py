"""The operator listeners of the running config. A reload that changes ``admin`` or ``metrics`` replaces them."""

from __future__ import annotations

import threading

from bridge.config.schema.config import Config
from bridge.operator.running import RunningBridge
from bridge.operator.service import OperatorService


class OperatorListeners:
    """A background service that holds the operator service in use."""

    def __init__(self, service: OperatorService) -> None:
        self._service = service
        self._bridge: RunningBridge | None = None
        self._lock = threading.Lock()
        self._closed = False

    def attach(self, bridge: RunningBridge) -> None:
        """Serve this bridge. Called once, before ``start``."""
        self._bridge = bridge
        self._service.attach(bridge)

    def start(self) -> None:
        """Answer requests from now on."""
        self._service.start()

    def rotate(self, config: Config) -> None:
        """Use the rotated tokens."""
        self._service.rotate(config)

    def replace(self, service: OperatorService) -> None:
        """Let another service answer. The previous one finishes its requests; one of them may have caused this."""
        assert self._bridge is not None, "attach comes first"
        service.attach(self._bridge)
        with self._lock:
            if self._closed:
                service.close()
                return
            previous, self._service = self._service, service
        service.start()
        threading.Thread(target=previous.close, name="operator api end", daemon=True).start()

    def close(self) -> None:
        """Stop answering, and remove the admin socket."""
        with self._lock:
            self._closed = True
        self._service.close()
