"""Reads ``falco-bridge.yaml``: the declared values, or every error at once as diagnostics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import structs

from bridge.channels.native.local.allowed import NOTHING, Allowed
from bridge.config.console_rules import check_console
from bridge.config.reading.binding import Binder
from bridge.config.reading.defaults import HEARTBEAT_CHANNEL, with_defaults
from bridge.config.reading.document import Document, Place
from bridge.config.reading.written_names import names_in, schemes_in
from bridge.config.rules import check_rules
from bridge.config.schema.channels import ChannelSettings
from bridge.config.schema.config import Config, LogSettings, allowed_by
from bridge.config.schema.console import ConsoleSettings
from bridge.config.schema.routes import RouteGroupSettings
from bridge.config.schema.values import FieldListFile
from bridge.journal.location import Location
from bridge.journal.members import INTAKE, ROLES
from bridge.language.checker.scope import Known
from bridge.language.diagnostics.diagnostic import Diagnostic, by_place
from bridge.language.diagnostics.source import SourceText, Span
from bridge.language.program.group import RouteGroup


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """What was read of a config file, with its errors."""

    path: Path
    """As the user wrote it."""
    config: Config | None
    """None where there are errors."""
    diagnostics: tuple[Diagnostic, ...]
    """By place."""
    source: SourceText
    """The file's text without secrets, for the excerpts of diagnostics."""
    channels: Mapping[str, ChannelSettings]
    """The channels without errors."""
    channel_spans: Mapping[str, Span]
    """Where each channel's URL is written, those with errors included."""
    warnings: tuple[Diagnostic, ...]
    spans: Mapping[Place, Span]
    """Where each value is written."""
    routes: tuple[Path, ...]
    groups: tuple[RouteGroup, ...]
    labels: Mapping[str, str]
    fields: tuple[FieldListFile, ...]
    """Lists of fields that routes may use besides those of the catalogue."""
    allowed: Allowed
    """What channels may use on this machine."""
    secret_files: tuple[Path, ...]
    """The files that ``${file:…}`` names."""
    secret_names: frozenset[str]
    """The variables that ``${…}`` names. No other process needs them."""

    @property
    def known(self) -> Known:
        """The names that routes may use."""
        retention_ns = None if self.config is None else self.config.journal.retention.alerts.ns
        return Known(
            frozenset(self.channel_spans), frozenset(self.labels), retention_ns=retention_ns, groups=self.groups
        )

    def errors(self) -> ConfigErrors:
        """The errors, ready to be shown."""
        return ConfigErrors(self.diagnostics, self.source)


@dataclass(frozen=True, slots=True)
class InstancePaths:
    """Where the bridge of a config is found."""

    journal: Location
    admin: Path
    """The unix socket of the operator API."""


@dataclass(frozen=True, slots=True)
class RoutingConfig:
    """The part of a config that routes depend on, and the journal's path."""

    routes: tuple[Path, ...]
    channels: frozenset[str]
    labels: Mapping[str, str]
    fields: tuple[FieldListFile, ...]
    journal: Location
    schemes: Mapping[str, str]
    """The scheme of each channel's URL; channels whose scheme is in a secret are absent."""
    groups: tuple[RouteGroup, ...] = ()

    @property
    def known(self) -> Known:
        """The channels that routes may use, and the groups of routes."""
        return Known(self.channels, None, groups=self.groups)


@dataclass(frozen=True, slots=True)
class ConsoleConfig:
    """The part of a config that the console depends on."""

    console: ConsoleSettings | None
    routes: tuple[Path, ...]
    labels: Mapping[str, str]
    fields: tuple[FieldListFile, ...]
    journal: Location
    admin: Path
    """The unix socket of the operator API."""
    log: LogSettings


@dataclass(frozen=True, slots=True)
class ConfigErrors:
    """Why a config cannot be used."""

    diagnostics: tuple[Diagnostic, ...]
    source: SourceText

    def text(self) -> str:
        """The errors for people, with excerpts."""
        from bridge.language.diagnostics.render import render_text

        return render_text(self.diagnostics, {self.source.path: self.source})


def load_config(path: Path, environ: Mapping[str, str], *, with_secrets: bool = True) -> LoadedConfig:
    """Read a whole config. Never raises. ``with_secrets`` False neither reads nor checks what contains a ``${…}``."""
    document = Document(path)
    binder = Binder(document, environ, with_secrets=with_secrets, check_plain_secrets=True)
    if document.root is None:
        return LoadedConfig(
            path,
            None,
            tuple(document.problems),
            document.source(),
            {},
            {},
            (),
            {},
            (),
            (),
            {},
            (),
            NOTHING,
            (),
            frozenset(),
        )
    values = with_defaults(binder.root(Config), document.folder)
    check_rules(binder, values)
    diagnostics = tuple(sorted(binder.diagnostics, key=by_place))
    return LoadedConfig(
        path,
        None if diagnostics else _config(values, has_roles=binder.is_mentioned(("roles",))),
        diagnostics,
        document.source(),
        values.get("channels", {}),
        _channel_spans(binder),
        tuple(binder.warnings),
        binder.spans,
        route_files(values.get("routes", ())),
        route_groups(values.get("routes", ())),
        values["labels"],
        values["fields"],
        allowed_by(values["allow"], values["journal"]) if "journal" in values else NOTHING,
        tuple(dict.fromkeys(binder.references.files)),
        frozenset(binder.references.names),
    )


def _config(values: dict[str, Any], *, has_roles: bool) -> Config:
    """The config. A bridge with a database has all roles by default; one that takes in no alerts has no sources."""
    config = Config(**values)
    if not has_roles and config.journal.url is not None and not config.journal.standby:
        config = structs.replace(config, roles=ROLES)
    return structs.replace(config, sources=()) if config.roles and INTAKE not in config.roles else config


def find_instance_paths(path: Path, environ: Mapping[str, str]) -> InstancePaths | ConfigErrors:
    """The journal and the admin socket, even if the rest of the config has errors. Never raises.

    Of the secrets it reads those of the journal.
    """
    values = _part_of(path, environ, ("journal", "admin"))
    if isinstance(values, ConfigErrors):
        return values
    if values["journal"].url is not None:
        with_secrets = _part_of(path, environ, ("journal",), with_secrets=True)
        if isinstance(with_secrets, ConfigErrors):
            return with_secrets
        values["journal"] = with_secrets["journal"]
    return InstancePaths(values["journal"].location, values["admin"].socket)


def find_routing_config(path: Path, environ: Mapping[str, str]) -> RoutingConfig | ConfigErrors:
    """The part that routes depend on. It needs no secret, so that CI can test routes. Never raises."""
    values = _part_of(path, environ, ("routes", "labels", "fields", "journal"))
    if isinstance(values, ConfigErrors):
        return values
    if values["journal"].url is not None:
        with_secrets = _part_of(path, environ, ("journal",), with_secrets=True)
        if not isinstance(with_secrets, ConfigErrors):  # otherwise the journal cannot be opened, but may not be needed
            values["journal"] = with_secrets["journal"]
    return RoutingConfig(
        route_files(values["routes"]),
        values["channel_names"],
        values["labels"],
        values["fields"],
        values["journal"].location,
        values["schemes"],
        route_groups(values["routes"]),
    )


def find_console_config(path: Path, environ: Mapping[str, str]) -> ConsoleConfig | ConfigErrors:
    """The part that the console depends on, even if the rest of the config has errors. Never raises."""
    names = ("routes", "labels", "fields", "journal", "admin", "log", "console")
    values = _part_of(path, environ, names, with_secrets=True)
    if isinstance(values, ConfigErrors):
        return values
    return ConsoleConfig(
        values["console"], route_files(values["routes"]), values["labels"], values["fields"],
        values["journal"].location, values["admin"].socket, values["log"],
    )  # fmt: skip


def _part_of(
    path: Path, environ: Mapping[str, str], names: tuple[str, ...], *, with_secrets: bool = False
) -> dict[str, Any] | ConfigErrors:
    document = Document(path)
    if document.root is None:
        return ConfigErrors(tuple(document.problems), document.source())
    binder = Binder(document, environ, with_secrets=with_secrets)
    values = with_defaults(binder.root(Config, names), document.folder)
    if "console" in names:
        check_console(binder, values["console"])
    if binder.diagnostics:
        return ConfigErrors(tuple(sorted(binder.diagnostics, key=by_place)), document.source())
    return values | {
        "channel_names": names_in(document.root, "channels"),
        "schemes": schemes_in(document.root, "channels"),
    }


def route_files(settings: Sequence[RouteGroupSettings]) -> tuple[Path, ...]:
    """All route files, each once."""
    return tuple(dict.fromkeys(path for group in settings for path in group.files))


def route_groups(settings: Sequence[RouteGroupSettings]) -> tuple[RouteGroup, ...]:
    """The groups; empty if none is declared. Files that belong to no group act together, as the first group."""
    if all(group.is_plain for group in settings):
        return ()
    plain = route_files([group for group in settings if group.is_plain])
    groups = [
        RouteGroup(group.name, tuple(map(str, group.files)), group.where, group.joins, group.channels)
        for group in settings
        if not group.is_plain
    ]
    return (*((RouteGroup("", tuple(map(str, plain))),) if plain else ()), *groups)


def _channel_spans(binder: Binder) -> dict[str, Span]:
    """By name; the URL where it is written, else the channel."""
    names = [place[1] for place in binder.spans if len(place) == 2 and place[0] == "channels"]
    spans = {str(name): binder.spans.get(("channels", name, "url"), binder.spans["channels", name]) for name in names}
    by_url = binder.spans.get(("heartbeat", "url"))
    return spans if by_url is None else {HEARTBEAT_CHANNEL: by_url, **spans}
