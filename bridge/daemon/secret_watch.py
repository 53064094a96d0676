"""Secrets that change while the bridge runs: a rotated token file is taken over without a restart."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import structlog

from bridge.common.secret import Secret
from bridge.config.load import Config, load_config
from bridge.config.sources import HttpSettings
from bridge.daemon.channel_check import check_channels

_LOOK_SECONDS = 2.0

Stamp = tuple[int, int, int] | None
"""What tells one content of a file from the next: Kubernetes swaps a link, others rename, and some write in place."""


class SecretWatch:
    """Looks at the files that the config's ``${file:…}`` name, and hands on a config with their new contents."""

    def __init__(self, config: Config, environ: Mapping[str, str], on_change: Callable[[Config], None]) -> None:
        """``on_change`` is called, in the watch's own thread, with channels that have been checked."""
        self._config = config
        self._environ = environ
        self._on_change = on_change
        self._seen = stamps(config.secret_files)
        self._stopping = threading.Event()
        self._log = structlog.get_logger("secrets")

    def start(self) -> None:
        """Begin to look, where there is anything to look at."""
        if self._seen:
            threading.Thread(target=self._watch, name="secret watch", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()

    def look(self) -> bool:
        """Look once. Returns whether there was something new, and it was taken over."""
        now = stamps(self._config.secret_files)
        if now == self._seen:
            return False
        self._seen = now
        changed = self._changed()
        if changed is None:
            return False
        self._config = changed
        self._on_change(changed)
        self._log.info("secrets changed; the new ones are used")
        return True

    def _watch(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            try:
                self.look()
            except Exception:  # noqa: BLE001  # the next look may go better, and the old secrets still stand
                self._log.error("secrets could not be looked at; the old ones stay")  # it may hold one

    def _changed(self) -> Config | None:
        """The running config with the new secrets; None where they are the old ones, or are of no use."""
        loaded = load_config(self._config.path, self._environ)
        if not isinstance(loaded, Config):
            self._keep(problem.text() for problem in loaded)
            return None
        changed = renewed(self._config, loaded)
        if changed == self._config:
            return None
        problems = check_channels(changed)
        if problems:
            self._keep(problem.text() for problem in problems)
            return None
        return changed

    def _keep(self, problems: Iterable[str]) -> None:
        for problem in problems:
            self._log.error("changed secrets are of no use; the old ones stay", problem=problem)


def renewed(running: Config, loaded: Config) -> Config:
    """The running config with the secrets of another, and nothing else of it."""
    channels = {name: loaded.channels.get(name, secret) for name, secret in running.channels.items()}
    doors = {each.name: each for each in loaded.sources if isinstance(each, HttpSettings)}
    sources = tuple(
        replace(each, path=_new(each.path, doors[each.name].path), token=_new(each.token, doors[each.name].token))
        if isinstance(each, HttpSettings) and each.name in doors
        else each
        for each in running.sources
    )
    metrics = running.metrics
    if metrics is not None and loaded.metrics is not None:
        metrics = replace(metrics, token=_new(metrics.token, loaded.metrics.token))
    return replace(running, channels=channels, sources=sources, metrics=metrics)


def _new(running: Secret, loaded: Secret) -> Secret:
    """A door that asked for a secret goes on asking for one, and one that asked for none does not begin to."""
    return loaded if running.reveal() and loaded.reveal() else running


def stamps(paths: Iterable[Path]) -> dict[Path, Stamp]:
    """What each file looks like from outside, behind every link."""
    return {path: _stamp(path) for path in paths}


def _stamp(path: Path) -> Stamp:
    try:
        found = os.stat(path)  # noqa: PTH116  # follows links, as reading does
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
