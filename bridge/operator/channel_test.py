"""A real test message to one channel, sent by a process of its own: neither Apprise nor a hang gets into this one."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Mapping
from typing import Any

from bridge.common.suggest import did_you_mean
from bridge.config.load import Config
from bridge.operator.client import AdminError
from bridge.operator.server import Actor, RefusedError
from bridge.pipeline.courier_process import start_python

OPERATION = "channel_test"
"""The admin socket's name for it."""
PATIENCE_SECONDS = 90.0


def try_channel(config: Config, name: str) -> dict[str, Any]:
    """``verdict``, ``status``, ``reason`` and ``seconds`` of a test message. Raises AdminError for an unknown name."""
    if name not in config.channels:
        hint = did_you_mean(name, config.channels) or f"the channels are {', '.join(config.channels)}"
        raise AdminError(f"the config has no channel `{name}`; {hint}")
    request: dict[str, Any] = {"name": name, "url": config.channels[name].reveal(), "labels": dict(config.labels)}
    request["allow"] = config.allowed.as_settings()
    process = start_python(
        "bridge.courier.channel_test", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, without=config.secret_names
    )
    begun = time.monotonic()
    try:
        answer, _ = process.communicate(json.dumps(request).encode(), timeout=PATIENCE_SECONDS)
        # What console:// prints comes before it.
        told: dict[str, Any] = json.loads(answer.rpartition(b"\x00")[2])
    except (subprocess.TimeoutExpired, ValueError):
        process.kill()
        process.communicate()
        seconds = time.monotonic() - begun
        return {"verdict": "retry", "status": None, "reason": "nothing came of it", "seconds": seconds}
    return told


def trial_operation(current: Callable[[], Config], works: Callable[[str], None]) -> Any:
    """The admin socket's operation for a bridge; ``current`` is the config that it runs with.

    ``works`` hears of a channel that took the message.
    """

    def operation(_actor: Actor, arguments: Mapping[str, object]) -> object:
        name = str(arguments.get("channel", ""))
        try:
            told = try_channel(current(), name)
        except AdminError as error:
            raise RefusedError(str(error)) from error
        if told["verdict"] == "delivered":
            works(name)
        return told

    return operation
