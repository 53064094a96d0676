"""Whether every channel's URL makes a channel; asked in a process of its own, so that Apprise stays out of this one."""

from __future__ import annotations

import json
import subprocess

from bridge.service.config import Config
from bridge.service.courier_process import start_python
from bridge.service.yaml_reader import Problem

_PATIENCE_SECONDS = 60.0


def check_channels(config: Config) -> list[Problem]:
    """A problem for each channel that cannot be used, without its URL."""
    settings = {
        "channels": {name: secret.reveal() for name, secret in config.channels.items()},
        "labels": dict(config.labels),
        "allow": config.allowed.as_settings(),
    }
    process = start_python(
        "bridge.channels", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, without=config.secret_names
    )
    try:
        answer, _ = process.communicate(json.dumps(settings).encode(), timeout=_PATIENCE_SECONDS)
        problems: dict[str, str] = json.loads(answer)
    except (subprocess.TimeoutExpired, ValueError):
        process.kill()
        process.wait()
        return [Problem(config.path, 1, "the channels could not be checked", "is apprise installed? python -m apprise")]
    return [
        Problem(config.path, config.channel_lines[name], f"channel `{name}` {problem}")
        for name, problem in problems.items()
    ]
