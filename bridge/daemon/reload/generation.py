"""Config, routes and secrets that are in use together. A reload builds the next generation and swaps one reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from bridge.common.collection import collection_paused
from bridge.config.field_lists import use_field_lists
from bridge.config.link_key import link_key
from bridge.config.load import LoadedConfig, load_config
from bridge.config.schema.config import Config
from bridge.config.secrets import masked_texts, with_secrets
from bridge.daemon.checks.channel_check import ChannelCheck, check_channels
from bridge.daemon.checks.start_check import check_extras
from bridge.daemon.fleet.member import fleet_settings
from bridge.daemon.shadow import NO_SHADOW, ShadowSet, read_shadow
from bridge.delivery.extras import extras_as_settings
from bridge.delivery.service_limits import incident_channels
from bridge.journal.location import location_settings
from bridge.language.diagnostics.diagnostic import Code, Diagnostic, Severity
from bridge.language.diagnostics.render import render_line, render_text
from bridge.language.diagnostics.source import SourceText
from bridge.pipeline.shadow.shadow import ShadowRoutes
from bridge.routing.router import Router
from bridge.tracing.settings import TraceSettings
from bridge.workbench.route_groups import GroupRoutes
from bridge.workbench.routes import load_routes


@dataclass(frozen=True, slots=True)
class Generation:
    """What the bridge works with until the next one replaces it."""

    loaded: LoadedConfig
    config: Config
    router: Router
    files: tuple[Path, ...]
    """The route files, those of the shadow, all that they import, and the lists of fields."""
    texts: Mapping[str, SourceText]
    """What was read of the config and of each route file."""
    masked: frozenset[str]
    """Texts that must not appear in any output: the secrets, and those that they replaced."""
    shadow: ShadowSet = NO_SHADOW
    groups: tuple[GroupRoutes, ...] = ()
    """The routes of each group, for a reload that finds errors in one of them."""
    stale: tuple[str, ...] = ()
    """The groups whose files have errors: their previous routes are in use."""

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders in which further route files may appear."""
        return tuple(sorted({*(path.parent for path in self.loaded.routes), *self.shadow.folders}))

    def shadow_routes(self) -> ShadowRoutes | None:
        """What is tried beside the routes; None if nothing is."""
        return self.shadow.compared_with(self.router, self.loaded, self.texts)

    def courier_settings(self) -> dict[str, object]:
        """What the courier's process gets on its standard input."""
        config = self.config
        return {
            **location_settings(config.journal.location),
            **fleet_settings(config),
            "channels": {name: channel.url.reveal() for name, channel in config.channels.items()},
            "extras": extras_as_settings({name: channel.extras() for name, channel in config.channels.items()}),
            "options": msgspec.to_builtins({name: channel.options() for name, channel in config.channels.items()}),
            "labels": dict(config.labels),
            "allow": config.allowed.as_settings(),
            "log": {"level": config.log.level, "format": config.log.format},
            "traces": msgspec.to_builtins(self.trace_settings()),
        } | self._link_settings()

    def trace_settings(self) -> TraceSettings | None:
        """Where spans are sent; None while traces are off."""
        traces = self.config.traces
        if traces is None:
            return None
        headers = {name: value.reveal() for name, value in traces.headers.items()}
        return TraceSettings(traces.endpoint, headers, traces.sample.share, self.config.labels)

    def _link_settings(self) -> dict[str, object]:
        settings = self.config.acknowledge
        if settings is None:
            return {}
        key = link_key(self.config.journal.location).hex()
        return {"acknowledge": {"url": settings.public_url, "lifetime_ns": settings.lifetime.ns, "key": key}}


@dataclass(frozen=True, slots=True)
class Built:
    """The outcome of building a generation: it, or the errors; warnings come with either."""

    generation: Generation | None
    diagnostics: tuple[Diagnostic, ...]
    sources: Mapping[str, SourceText]
    loaded: LoadedConfig

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that was read or looked for, those of secrets included."""
        read = (Path(each) for each in self.sources)
        return tuple(dict.fromkeys((*read, *self.loaded.routes, *self.loaded.secret_files)))

    @property
    def may_pass(self) -> bool:
        """Whether no error is about the text of the config or a route: the same start may succeed later."""
        errors = [each for each in self.diagnostics if each.severity is Severity.ERROR]
        return bool(errors) and all(map(_may_pass, errors))

    @property
    def problem(self) -> str:
        """The first error in one line; empty if there is none."""
        errors = (each for each in self.diagnostics if each.severity is Severity.ERROR)
        return next((render_line(each) for each in errors), "")

    def text(self) -> str:
        """Everything that the operator must read, with excerpts."""
        return render_text(self.diagnostics, self.sources)


def _may_pass(error: Diagnostic) -> bool:
    return error.may_pass or error.code in {Code.SECRET_UNAVAILABLE, Code.NO_SUCH_FILE}


def build_generation(path: Path, environ: Mapping[str, str], previous: Sequence[GroupRoutes] = ()) -> Built:
    """Read a config, its routes and its secrets. Never raises for what is wrong with them.

    A group of route files with errors has its ``previous`` routes.
    """
    return build_from(load_config(path, environ), previous)


@collection_paused()
def build_from(loaded: LoadedConfig, previous: Sequence[GroupRoutes] = ()) -> Built:
    """The generation of a config that has been read. Its channels are checked while its routes are."""
    sources = {loaded.source.path: loaded.source}
    if not loaded.channel_spans:  # without channels, every route would have an error too
        return Built(None, check_channels(loaded), sources, loaded)
    check = ChannelCheck(loaded)
    use_field_lists(loaded.fields)
    routes = load_routes(loaded.routes, loaded.known, previous=previous)
    diagnostics = (*check.diagnostics(), *check_extras(loaded))
    failed = bool(diagnostics) or loaded.config is None
    diagnostics = (*diagnostics, *routes.checked.diagnostics)
    sources |= routes.sources
    program = routes.checked.program
    if failed or program is None or loaded.config is None:
        return Built(None, diagnostics, sources, loaded)
    incidents = incident_channels(
        {name: channel.scheme for name, channel in loaded.config.channels.items()},
        [name for name, channel in loaded.config.channels.items() if channel.resolved],
    )
    router = routes.router(
        loaded.labels,
        incident_channels=incidents,
        ordered_channels=frozenset(name for name, channel in loaded.config.channels.items() if channel.ordered),
    )
    shadow = read_shadow(loaded, incidents)
    files = (*map(Path, (*routes.sources, *shadow.sources)), *shadow.files, *(each.path for each in loaded.fields))
    masked = masked_texts(loaded.config)
    generation = Generation(loaded, loaded.config, router, files, sources, masked, shadow, routes.groups, routes.stale)
    return Built(generation, diagnostics, sources, loaded)


def with_new_secrets(running: Generation, environ: Mapping[str, str]) -> Built:
    """The running generation with the secrets that its files and variables contain now.

    The same generation where no secret changed. Everything else of the config stays until a full reload.
    """
    loaded = load_config(running.loaded.path, environ)
    sources = {loaded.source.path: loaded.source}
    if loaded.config is None:
        return Built(None, loaded.diagnostics, sources, loaded)
    config = with_secrets(running.config, loaded.config)
    if config == running.config:
        return Built(running, (), sources, loaded)
    changed = replace(running.loaded, config=config, channels=config.channels)
    diagnostics = check_channels(changed)
    if diagnostics:
        return Built(None, diagnostics, sources, loaded)
    masked = running.masked | masked_texts(config)
    return Built(replace(running, loaded=changed, config=config, masked=masked), (), sources, loaded)
