"""Whether every channel's URL makes a channel; asked in a process of its own, so that Apprise stays out of this one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Collection

from bridge.config.load import Config
from bridge.config.reader import Problem
from bridge.pipeline.courier_process import start_python

_PATIENCE_SECONDS = 60.0


def check_channels(config: Config, problems: Collection[Problem] = ()) -> list[Problem]:
    """``problems``, which the config's text has, and one for each channel more that cannot be used, without its URL."""
    told = {problem.line for problem in problems}
    settings = {
        "channels": {
            name: secret.reveal() for name, secret in config.channels.items() if config.channel_lines[name] not in told
        },
        "labels": dict(config.labels),
        "allow": config.allowed.as_settings(),
    }
    process = start_python(
        "bridge.channels", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, without=config.secret_names
    )
    try:
        answer, _ = process.communicate(json.dumps(settings).encode(), timeout=_PATIENCE_SECONDS)
        found: dict[str, str] = json.loads(answer)
    except (subprocess.TimeoutExpired, ValueError):
        process.kill()
        process.wait()
        return [
            *problems,
            Problem(config.path, 1, "the channels could not be checked", "is apprise installed? python -m apprise"),
        ]
    unusable = [
        Problem(config.path, config.channel_lines[name], f"channel `{name}` {problem}")
        for name, problem in found.items()
    ]
    return sorted([*problems, *unusable], key=lambda problem: problem.line)
