"""``falco-bridge.yaml``: read once, every mistake told with its line and the way out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from bridge.channels.native.allowed import Allowed
from bridge.common.log_setup import FORMS, LEVELS
from bridge.common.secret import Secret
from bridge.common.unix_socket import too_long
from bridge.config.allow import check_exec, read_allowed
from bridge.config.channels import OPTIONS, check_fallbacks, read_options
from bridge.config.journal import read_keep
from bridge.config.metrics import MetricsSettings, read_metrics
from bridge.config.reader import Problem, Reader
from bridge.config.sources import SourceSettings, read_sources
from bridge.delivery.options import ChannelOptions
from bridge.journal.retention import RetentionPolicy

_SECTIONS = ("sources", "channels", "routes", "journal", "log", "labels", "shutdown", "admin", "allow", "metrics")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_DEFAULT_DRAIN_NS = 30_000_000_000
_RESERVED_CHANNELS = frozenset({"to", "when", "severity", "title", "message", "drop", "stop"})


@dataclass(frozen=True, slots=True)
class LogSettings:
    """How to log."""

    level: str = "info"
    form: str = "auto"


@dataclass(frozen=True, slots=True)
class Config:
    """A config without mistakes; paths are absolute."""

    path: Path
    sources: tuple[SourceSettings, ...]
    channels: Mapping[str, Secret]
    channel_lines: Mapping[str, int]
    channel_options: Mapping[str, ChannelOptions]
    routes: tuple[Path, ...]
    journal: Path
    log: LogSettings
    labels: Mapping[str, str]
    drain_seconds: float
    admin: Path
    """Where the bridge listens for its operators."""
    allowed: Allowed
    """What its channels may touch on this machine."""
    secret_files: tuple[Path, ...]
    """The files that hold secrets, to be looked at now and then."""
    secret_names: frozenset[str]
    """The variables of the environment that hold them, and that no other process needs to have."""
    metrics: MetricsSettings | None
    keep: RetentionPolicy
    """What the journal need not forget."""


@dataclass(frozen=True, slots=True)
class InstancePaths:
    """Where a bridge with this config is to be found."""

    journal: Path
    admin: Path


@dataclass(frozen=True, slots=True)
class RoutingConfig:
    """What of a config decides who hears of an alert, and where that is kept."""

    routes: tuple[Path, ...]
    channels: frozenset[str]
    labels: Mapping[str, str]
    journal: Path


def load_config(path: Path, environ: Mapping[str, str]) -> Config | list[Problem]:
    """The config in that file, or everything that is wrong with it. Never raises."""
    config, problems = read_config(path, environ)
    return problems if problems or config is None else config


def read_config(path: Path, environ: Mapping[str, str]) -> tuple[Config | None, list[Problem]]:
    """The config as far as it can be read, and what is wrong with it, from top to bottom. Never raises."""
    reader = Reader(path.absolute(), environ)
    root = reader.document()
    config = None if root is None else _Loader(reader, root).load()
    return config, sorted(reader.problems, key=lambda problem: problem.line)


def find_instance_paths(path: Path, environ: Mapping[str, str]) -> InstancePaths | list[Problem]:
    """Where that config's bridge is, whatever else may be wrong with it or its secrets. Never raises."""
    reader = Reader(path.absolute(), environ)
    root = reader.document()
    if root is None:
        return reader.problems
    places = _Loader(reader, root).places()
    return reader.problems or places


def find_routing_config(path: Path, environ: Mapping[str, str]) -> RoutingConfig | list[Problem]:
    """What that config decides by: no secret is needed for it, as where routes are tried elsewhere. Never raises."""
    reader = Reader(path.absolute(), environ)
    root = reader.document()
    if root is None:
        return reader.problems
    deciding = _Loader(reader, root).deciding()
    return reader.problems or deciding


class _Loader:
    def __init__(self, reader: Reader, root: yaml.Node) -> None:
        self._reader = reader
        self._root = root
        self._folder = reader.path.parent
        self._lines: dict[str, int] = {}
        self._options: dict[str, ChannelOptions] = {}
        self._keep = RetentionPolicy()

    def load(self) -> Config:
        """Every section, also where an earlier one had mistakes."""
        entries = self._reader.mapping(self._root, "the config", _SECTIONS)
        for section, example in (
            ("sources", "sources: [{grpc: unix:///run/falco/falco.sock}]"),
            ("channels", "channels: {console: console://}"),
            ("routes", "routes: [*.route]"),
            ("journal", "journal: /var/lib/falco-bridge/journal.db"),
        ):
            if section not in entries:
                self._reader.wrong(self._root, f"there is no `{section}`", f"for example: {example}")
        journal = self._journal(entries.get("journal"))
        return Config(
            self._reader.path,
            read_sources(self._reader, entries.get("sources"), self._folder),
            self._channels(entries.get("channels")),
            self._lines,
            self._options,
            self._routes(entries.get("routes")),
            journal,
            self._log(entries.get("log")),
            self._labels(entries.get("labels")),
            self._drain(entries.get("shutdown")),
            self._admin(entries.get("admin"), journal),
            read_allowed(self._reader, entries.get("allow"), journal),
            tuple(self._reader.secret_files),
            frozenset(self._reader.secret_names),
            read_metrics(self._reader, entries.get("metrics")),
            self._keep,
        )

    def places(self) -> InstancePaths:
        """The journal and the admin socket alone."""
        entries = self._reader.mapping(self._root, "the config", None)
        if "journal" not in entries:
            self._reader.wrong(self._root, "there is no `journal`", "for example: journal: journal.db")
        journal = self._journal(entries.get("journal"))
        return InstancePaths(journal, self._admin(entries.get("admin"), journal))

    def deciding(self) -> RoutingConfig:
        """The routes, labels and journal, and what the channels are called."""
        entries = self._reader.mapping(self._root, "the config", None)
        if "routes" not in entries:
            self._reader.wrong(self._root, "there is no `routes`", "for example: routes: [*.route]")
        channels = self._reader.mapping(entries["channels"], "channels", None) if "channels" in entries else {}
        return RoutingConfig(
            self._routes(entries.get("routes")), frozenset(channels), self._labels(entries.get("labels")),
            self._journal(entries.get("journal")),
        )  # fmt: skip

    def _channels(self, node: yaml.Node | None) -> dict[str, Secret]:
        if node is None:
            return {}
        entries = self._reader.mapping(node, "channels", None)
        channels: dict[str, Secret] = {}
        nodes: dict[str, dict[str, yaml.Node]] = {}
        for name, value in entries.items():
            self._lines[name] = value.start_mark.line + 1
            if not _NAME.fullmatch(name) or name in _RESERVED_CHANNELS:
                self._reader.wrong(value, f"`{name}` cannot name a channel", "use letters, digits, `_`, `-` and `.`")
            inner = {"url": value}
            if isinstance(value, yaml.MappingNode):
                inner = self._reader.mapping(value, f"channel {name}", ("url", *OPTIONS))
                if "url" not in inner:
                    self._reader.wrong(value, f"channel {name} has no `url`")
                    continue
            url = self._absolute_url(self._reader.text(inner["url"], name))
            check_exec(self._reader, inner["url"], url)
            self._lines[name] = inner["url"].start_mark.line + 1
            channels[name], nodes[name] = Secret(url), inner
            self._options[name] = read_options(self._reader, inner, url.partition("://")[0])
        check_fallbacks(self._reader, self._options, nodes)
        return channels

    def _absolute_url(self, url: str) -> str:
        path = url.removeprefix("file://")
        if path == url or not path or path.endswith("/"):
            return url
        return f"file://{self._folder / path}"

    def _routes(self, node: yaml.Node | None) -> tuple[Path, ...]:
        if node is None:
            return ()
        items = [node] if isinstance(node, yaml.ScalarNode) else self._reader.sequence(node, "routes")
        paths: list[Path] = []
        for item in items:
            pattern = self._reader.text(item, "routes")
            found = self._matching(pattern) if pattern else []
            if pattern and not found:
                self._reader.wrong(item, f"no file matches {pattern}", f"paths are relative to {self._folder}")
            paths += found
        return tuple(dict.fromkeys(paths))

    def _matching(self, pattern: str) -> list[Path]:
        """Bytewise sorted, which is the order of routes."""
        base = Path("/") if pattern.startswith("/") else self._folder
        try:
            found = list(base.glob(pattern.lstrip("/")))
        except (ValueError, NotImplementedError):
            return []
        return sorted((path for path in found if path.is_file()), key=lambda path: str(path).encode())

    def _journal(self, node: yaml.Node | None) -> Path:
        if node is None:
            return Path()
        if isinstance(node, yaml.MappingNode):
            entries = self._reader.mapping(node, "journal", ("path", "retention"))
            self._keep = read_keep(self._reader, entries.get("retention"))
            if "path" not in entries:
                self._reader.wrong(node, "`journal` has no `path`")
                return Path()
            node = entries["path"]
        return self._folder / self._reader.text(node, "journal")

    def _admin(self, node: yaml.Node | None, journal: Path) -> Path:
        """Beside the journal unless told otherwise."""
        path = journal.with_name(f"{journal.name}.admin.sock") if journal.name else journal
        if node is not None:
            path = self._folder / self._reader.text(node, "admin")
        if sentence := too_long(path):
            self._reader.wrong(node or self._root, sentence, "name one with `admin: /run/falco-bridge/admin.sock`")
        return path

    def _log(self, node: yaml.Node | None) -> LogSettings:
        if node is None:
            return LogSettings()
        entries = self._reader.mapping(node, "log", ("level", "format"))
        level = self._reader.choice(entries.get("level"), "level", LEVELS, "info")
        return LogSettings(level, self._reader.choice(entries.get("format"), "format", FORMS, "auto"))

    def _labels(self, node: yaml.Node | None) -> dict[str, str]:
        if node is None:
            return {}
        labels = {}
        for name, value in self._reader.mapping(node, "labels", None).items():
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
                self._reader.wrong(value, f"`{name}` cannot name a label", "use letters, digits, `_` and `-`")
            labels[name] = self._reader.text(value, name)
        return labels

    def _drain(self, node: yaml.Node | None) -> float:
        entries = {} if node is None else self._reader.mapping(node, "shutdown", ("drain",))
        nanoseconds = _DEFAULT_DRAIN_NS
        if "drain" in entries:
            nanoseconds = self._reader.duration(entries["drain"], "drain", _DEFAULT_DRAIN_NS)
        return nanoseconds / 1e9
