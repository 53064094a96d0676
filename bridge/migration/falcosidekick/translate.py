"""Translates falcosidekick's settings to a config and routes of falco-bridge, with a report of what is different."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from bridge.language.diagnostics.source import SourceText
from bridge.language.format.formatter import format_text
from bridge.migration.falcosidekick.channel import Channel, Output, Variable
from bridge.migration.falcosidekick.clouds import OF_CLOUDS, identity_notes
from bridge.migration.falcosidekick.machines import MACHINES
from bridge.migration.falcosidekick.people import PEOPLE
from bridge.migration.falcosidekick.settings import Settings
from bridge.migration.falcosidekick.texts import route_text
from bridge.migration.falcosidekick.tls import OF_TLS, tls_notes, tls_of

OUTPUTS = (*PEOPLE, *MACHINES)
"""Every output of falcosidekick, as of August 2026."""
_OWN = frozenset({
    "listenaddress", "listenport", "tlsserver.deploy", "tlsserver.certfile", "tlsserver.keyfile", "tlsserver.mutualtls",
    "tlsserver.cacertfile", "customfields", "templatedfields", "customtags", "outputfieldformat", "bracketreplacer",
})  # fmt: skip
KNOWN = frozenset(path for output in OUTPUTS for path in output.paths()) | _OWN | OF_CLOUDS | OF_TLS
"""Every setting that is read. Environment variables have their names."""
_PRIORITIES = {
    "emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug",
}  # fmt: skip
_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_PRIVATE = "[127.0.0.0/8, 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16]"
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
            continue
        if output.make is None:
            differences.append(f"{output.name}: no channel. {output.instead}")
            continue
        channel = output.make(settings)
        name = output.name.replace(".", "-")
        names = [name, *(f"{name}-{number}" for number, _ in enumerate(channel.also, 2))]
        urls = (channel.url, *channel.also)
        channels |= {each: _channel(settings, output, url, channel) for each, url in zip(names, urls, strict=True)}
        variables += channel.variables
        routes.append(_route(settings, output, ", ".join(names), differences))
        notes = (*channel.notes, *_notes(settings, output, channel.url), *_unread(settings, output))
        differences += [f"{output.name}: {note}" for note in notes]
    differences += _general(settings)
    differences += [
        f"{group}: this is no output that is known; look for it in docs/channels.md" for group in _unknown(settings)
    ]
    if channels:
        condition = "source = internal and priority >= notice"
        routes.append(f'route "Falco\'s own messages" {{ when {condition} to {", ".join(channels)} }}\n')
    head = "# Written by `falco-bridge import falcosidekick`. Every route acts on its own, as outputs did.\n"
    return Translation(
        _config(settings, channels),
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
        text = route_text(template)
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
    names = [path.removeprefix(f"{output.name}.") for path in settings.values if path.startswith(f"{output.name}.")]
    unread = [name for name in names if "." not in name and f"{output.name}.{name}" not in settings.used]
    if unread:
        yield f"{', '.join(unread)}: not used; see docs/channels.md and docs/messages.md for what can be set"


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
    for name in settings.mapping("customfields"):
        if not _LABEL.fullmatch(name):
            yield f"customfields: {name!r} is no name of a label (letters, digits, _ and -); it is left out"
    if settings.is_set("tlsserver.deploy", default=False) is False:
        yield "listener: alerts are taken from private addresses only; add others to `allow` in falco-bridge.yaml"


def _unknown(settings: Settings) -> list[str]:
    known = {output.name.split(".", 1)[0] for output in OUTPUTS}
    return [group for group in settings.groups() if group not in known]


def _formatted(routes: str) -> str:
    text = format_text(SourceText(ROUTE_FILE, routes))
    assert isinstance(text, str), "what is written here is a route file"
    return text


def _config(settings: Settings, channels: dict[str, object]) -> str:
    parts = ["# Written by `falco-bridge import falcosidekick`. Secrets are environment variables.", _source(settings)]
    parts.append(_yaml({"channels": channels}))
    labels = {
        name: f"${{{value[1:]}}}" if value.startswith("%") else value
        for name, value in settings.mapping("customfields").items()
        if _LABEL.fullmatch(name)
    }
    if labels:
        parts.append(_yaml({"labels": labels}))
    parts += [f"routes: {ROUTE_FILE}\n", "journal: journal.db\n"]
    return "\n".join(parts)


def _source(settings: Settings) -> str:
    host, port = settings.get("listenaddress") or "0.0.0.0", settings.get("listenport", "2801")  # noqa: S104
    lines = ["sources:", f"  - http: {_host(host)}:{port}", f"    allow: {_PRIVATE}"]
    if settings.is_set("tlsserver.deploy", default=False):
        lines += ["    tls:"]
        for key, name in (("cert", "certfile"), ("key", "keyfile")):
            default = f"/etc/certs/server/server.{'crt' if key == 'cert' else 'key'}"
            lines.append(f"      {key}: {_scalar(settings.get(f'tlsserver.{name}', default))}")
        if settings.is_set("tlsserver.mutualtls", default=False):
            lines.append(f"      ca: {_scalar(settings.get('tlsserver.cacertfile', '/etc/certs/server/ca.crt'))}")
    return "\n".join(lines) + "\n"


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _scalar(text: str) -> str:
    return yaml.safe_dump(text, width=10_000).removesuffix("...\n").strip()


def _yaml(document: dict[str, object]) -> str:
    return yaml.safe_dump(document, sort_keys=False, width=10_000, allow_unicode=True)
