"""Checks every channel's URL. Apprise's are checked in a separate process, so that Apprise is not loaded here."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping

from bridge.channels.registry import is_native, problem_with
from bridge.common.child_process import start_python
from bridge.config.load import LoadedConfig
from bridge.delivery.extras import extras_as_settings
from bridge.language.diagnostics.diagnostic import Code, Diagnostic, by_place
from bridge.language.diagnostics.source import Span

_TIMEOUT_SECONDS = 60.0


def check_channels(loaded: LoadedConfig) -> tuple[Diagnostic, ...]:
    """The config's diagnostics, and one for each other channel that cannot be used. They never show a URL."""
    return ChannelCheck(loaded).diagnostics()


class ChannelCheck:
    """A check that has started. Apprise's channels are checked in the background until ``diagnostics`` is called."""

    def __init__(self, loaded: LoadedConfig) -> None:
        self._loaded = loaded
        urls = {name: channel.url.reveal() for name, channel in loaded.channels.items()}
        urls = {name: url for name, url in urls.items() if url}  # empty if secrets are not read
        self._native = {name: url for name, url in urls.items() if is_native(url)}
        others = {name: url for name, url in urls.items() if name not in self._native}
        self._process: subprocess.Popen[bytes] | None = None
        self._is_unchecked = False
        """Whether the process could not be started: no process, memory or descriptor is left."""
        try:
            self._process = _start(loaded, others) if others else None
        except OSError:
            self._is_unchecked = True

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """As `check_channels`. Called once."""
        loaded = self._loaded
        results = {
            name: problem_with(url, loaded.labels, loaded.allowed, loaded.channels[name].extras())
            for name, url in self._native.items()
        }
        problems = {name: problem for name, problem in results.items() if problem is not None}
        unchecked = [_unchecked(loaded)] if self._is_unchecked else []
        if self._process is not None:
            try:
                answer, _ = self._process.communicate(timeout=_TIMEOUT_SECONDS)
                problems |= json.loads(answer)
            except (subprocess.TimeoutExpired, ValueError):
                self._process.kill()
                self._process.wait()
                unchecked = [_unchecked(loaded)]
        reported = {each.span.line for each in loaded.diagnostics}
        unusable = [
            Diagnostic(Code.UNUSABLE_CHANNEL, f"channel `{name}` {problem}", loaded.channel_spans[name])
            for name, problem in problems.items()
            if loaded.channel_spans[name].line not in reported
        ]
        return (*sorted([*loaded.diagnostics, *unusable], key=by_place), *unchecked)


def _start(loaded: LoadedConfig, urls: Mapping[str, str]) -> subprocess.Popen[bytes]:
    extras = extras_as_settings({name: loaded.channels[name].extras() for name in urls})
    allow = loaded.allowed.as_settings()
    settings = {"channels": urls, "extras": extras, "labels": dict(loaded.labels), "allow": allow}
    process = start_python(
        "bridge.channels", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, without=loaded.secret_names
    )
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(settings).encode())
        process.stdin.close()
    except BrokenPipeError:  # it ended early: its answer cannot be read
        pass
    process.stdin = None
    return process


def _unchecked(loaded: LoadedConfig) -> Diagnostic:
    start = Span(str(loaded.path), 0, 1, 1, 1)
    hint = "is apprise installed? python -m apprise"
    return Diagnostic(Code.UNUSABLE_CHANNEL, "the channels could not be checked", start, hint, may_pass=True)
