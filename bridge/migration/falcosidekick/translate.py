"""Translates falcosidekick's settings to a config and routes of falco-bridge, with a report of what is different."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from bridge.common.suggest import did_you_mean
from bridge.language.diagnostics.source import SourceText
from bridge.language.format.formatter import format_text
from bridge.migration.falcosidekick.channel import Channel, Output, Variable
from bridge.migration.falcosidekick.clouds import OF_CLOUDS, identity_notes
from bridge.migration.falcosidekick.labels import label_notes, labels_of
from bridge.migration.falcosidekick.listener import OF_LISTENER, listener_notes, listener_of
from bridge.migration.falcosidekick.machines import MACHINES
from bridge.migration.falcosidekick.people import PEOPLE
from bridge.migration.falcosidekick.settings import Settings
from bridge.migration.falcosidekick.texts import route_text
from bridge.migration.falcosidekick.tls import OF_TLS, tls_notes, tls_of

OUTPUTS = (*PEOPLE, *MACHINES)
"""Every output of falcosidekick, as of August 2026."""
_OWN = frozenset({"customfields", "templatedfields", "customtags", "outputfieldformat", "bracketreplacer"})
KNOWN = frozenset(path for output in OUTPUTS for path in output.paths()) | _OWN | OF_CLOUDS | OF_TLS | OF_LISTENER
"""Every setting that is read. Environment variables have their names."""
_PRIORITIES = {
    "emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug",
}  # fmt: skip
_NO_MATTER = frozenset({"maxconcurrentrequests"})
"""Settings without a counterpart that need none."""
_RUNNING = (
    "import the variables of the running falcosidekick: "
    "kubectl exec deploy/falcosidekick -- env | falco-bridge import falcosidekick -"
)
ROUTE_FILE = "falcosidekick.route"


@dataclass(frozen=True, slots=True)
class Translation:
    """What is written, and what people must know."""

    config: str
    routes: str
    variables: tuple[Variable, ...]
    channels: tuple[str, ...]
    differences: tuple[str, ...]
    """What is done in another way, or not at all, each with a remedy."""


def translate(settings: Settings) -> Translation:
    """The same in falco-bridge's words."""
    differences: list[str] = []
    channels: dict[str, object] = {}
    variables: list[Variable] = []
    routes: list[str] = []
    for output in OUTPUTS:
        if not output.is_enabled(settings):
            differences += _not_enabled(settings, output)
            continue
        if output.make is None:
            differences.append(f"{output.name}: no channel. {output.instead}")
            continue
        try:
            channel = output.make(settings)
        except ValueError:  # of urllib, such as `http://[::1`
            differences.append(f"{output.name}: no channel. Its address is not a URL.")
            continue
        name = output.name.replace(".", "-")
        names = [name, *(f"{name}-{number}" for number, _ in enumerate(channel.also, 2))]
        urls = (channel.url, *channel.also)
        channels |= {each: _channel(settings, output, url, channel) for each, url in zip(names, urls, strict=True)}
        variables += channel.variables
        routes.append(_route(settings, output, ", ".join(names), differences))
        notes = (*channel.notes, *_notes(settings, output, channel.url), *_unread(settings, output))
        differences += [f"{output.name}: {note}" for note in notes]
    differences += _general(settings)
    differences += _unknown(settings)
    labels, of_labels = labels_of(settings)
    variables += of_labels
    if channels:
        condition = "source = internal and priority >= notice"
        routes.append(f'route "Falco\'s own messages" {{ when {condition} to {", ".join(channels)} }}\n')
    head = "# Written by `falco-bridge import falcosidekick`. Every route acts on its own, as outputs did.\n"
    return Translation(
        _config(settings, channels, labels),
        _formatted("\n".join([head, *routes])),
        tuple({each.name: each for each in variables}.values()),
        tuple(channels),
        tuple(differences),
    )


def _route(settings: Settings, output: Output, channel: str, differences: list[str]) -> str:
    priority = settings.get(f"{output.name}.minimumpriority").lower()
    if priority and priority not in _PRIORITIES:
        differences.append(f"{output.name}: minimumpriority {priority!r} is no priority; all alerts are sent")
        priority = ""
    lines = [f"route {_quoted(output.name)} {{"]
    lines += [f"  when     priority >= {priority}"] if priority and priority != "debug" else []
    lines.append(f"  to       {channel}")
    template = settings.get(f"{output.name}.messageformat")
    if template:
        text = route_text(template, labels_of(settings)[0])
        if text is None:
            differences.append(
                f"{output.name}: messageformat has more than values; write its text as `message` of the route"
            )
        else:
            lines.append(f'  message  "{text}"')
    return "\n".join([*lines, "}", ""])


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _channel(settings: Settings, output: Output, url: str, channel: Channel) -> object:
    """The channel as the config writes it: its URL, or a mapping."""
    options: dict[str, object] = {"tls": tls_of(settings, output.name, url), "body": channel.body}
    options = {name: value for name, value in options.items() if value}
    return {"url": url, **options} if options else url


def _notes(settings: Settings, output: Output, url: str) -> Iterator[str]:
    yield from tls_notes(settings, output.name, url)
    form = settings.get(f"{output.name}.outputformat").lower()
    if form in {"text", "fields", "facts"}:
        yield f"outputformat {form}: a message always has its text and its fields; see docs/messages.md"


def _unread(settings: Settings, output: Output) -> Iterator[str]:
    unread = [name for name in settings.names_below(output.name) if f"{output.name}.{name}" not in settings.used]
    known = [name for name in unread if name not in _NO_MATTER and f"{output.name}.{name}" in output.paths()]
    if known:
        yield f"{', '.join(known)}: not used; see docs/channels.md and docs/messages.md for what can be set"
    yield from _misspelt(settings, output)


def _not_enabled(settings: Settings, output: Output) -> Iterator[str]:
    """Why an output that has settings gets no channel."""
    if output.make is None:
        return
    missing = output.missing(settings)
    if len(missing) < len(output.enabled):
        yield f"{output.name}: no channel. `{missing[0]}` has no value."
    yield from (f"{output.name}: {each}" for each in _misspelt(settings, output))


def _misspelt(settings: Settings, output: Output) -> Iterator[str]:
    names = sorted(path.removeprefix(f"{output.name}.") for path in output.paths())
    for name in settings.names_below(output.name):
        if name not in names:
            hint = did_you_mean(name, names)
            yield f"{name}: falcosidekick has no such setting{'; ' if hint else ''}{hint}"


def _general(settings: Settings) -> Iterator[str]:
    yield from identity_notes(settings)
    if settings.get("tlsclient.cacertfile"):
        yield "tlsclient: add the CA to the bundle of SSL_CERT_FILE, or name it in `tls: {ca: FILE}` of a channel"
    if settings.mapping("templatedfields"):
        yield "templatedfields: use `title` and `message` of routes, or append_output in falco.yaml"
    if settings.get("customtags"):
        yield "customtags: use labels, or tags in the Falco rules"
    if settings.get("outputfieldformat"):
        yield "outputfieldformat: use `message` of routes"
    if settings.get("bracketreplacer"):
        yield "bracketreplacer: names of fields are sent as Falco writes them"
    yield from label_notes(settings)
    yield from listener_notes(settings)
    for name in ("existingsecret", "extraenv"):
        if settings.get(name):
            yield f"{name}: the settings in it are not read; {_RUNNING}"


def _unknown(settings: Settings) -> Iterator[str]:
    outputs = [output.name for output in OUTPUTS]
    for name in settings.unknown(outputs):
        hint = did_you_mean(name, outputs) or "look for it in docs/channels.md"
        yield f"{name}: this is no output that is known; {hint}"


def _formatted(routes: str) -> str:
    text = format_text(SourceText(ROUTE_FILE, routes))
    assert isinstance(text, str), "what is written here is a route file"
    return text


def _config(settings: Settings, channels: dict[str, object], labels: dict[str, str]) -> str:
    parts = [
        "# Written by `falco-bridge import falcosidekick`. Secrets are environment variables.",
        listener_of(settings),
    ]
    parts.append(_yaml({"channels": channels}))
    if labels:
        parts.append(_yaml({"labels": labels}))
    parts += [f"routes: {ROUTE_FILE}\n", "journal: journal.db\n"]
    return "\n".join(parts)


def _yaml(document: dict[str, object]) -> str:
    return yaml.safe_dump(document, sort_keys=False, width=10_000, allow_unicode=True)
