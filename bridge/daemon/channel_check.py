"""Checks every channel's URL in a separate process, so that Apprise is not loaded into this one."""

from __future__ import annotations

import json
import subprocess

from bridge.config.load import LoadedConfig
from bridge.language.diagnostics.diagnostic import Code, Diagnostic, by_place
from bridge.language.diagnostics.source import Span
from bridge.pipeline.courier_process import start_python

_TIMEOUT_SECONDS = 60.0


def check_channels(loaded: LoadedConfig) -> tuple[Diagnostic, ...]:
    """The config's diagnostics, and one for each other channel that cannot be used. They never show a URL."""
    if not loaded.channels:
        return loaded.diagnostics
    settings = {
        "channels": {name: channel.url.reveal() for name, channel in loaded.channels.items()},
        "labels": dict(loaded.labels),
        "allow": loaded.allowed.as_settings(),
    }
    process = start_python(
        "bridge.channels", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, without=loaded.secret_names
    )
    try:
        answer, _ = process.communicate(json.dumps(settings).encode(), timeout=_TIMEOUT_SECONDS)
        problems: dict[str, str] = json.loads(answer)
    except (subprocess.TimeoutExpired, ValueError):
        process.kill()
        process.wait()
        start = Span(str(loaded.path), 0, 1, 1, 1)
        unchecked = Diagnostic(
            Code.UNUSABLE_CHANNEL, "the channels could not be checked", start, "is apprise installed? python -m apprise"
        )
        return (*loaded.diagnostics, unchecked)
    reported = {each.span.line for each in loaded.diagnostics}
    unusable = [
        Diagnostic(Code.UNUSABLE_CHANNEL, f"channel `{name}` {problem}", loaded.channel_spans[name])
        for name, problem in problems.items()
        if loaded.channel_spans[name].line not in reported
    ]
    return tuple(sorted([*loaded.diagnostics, *unusable], key=by_place))
