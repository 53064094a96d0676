"""Rules about several keys of a config."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import UNSET

from bridge.common.files.presence import is_folder
from bridge.common.net.unix_socket import too_long
from bridge.common.suggest import did_you_mean
from bridge.config.body.names import body_problems
from bridge.config.console_rules import check_console
from bridge.config.reading.binding import Binder
from bridge.config.reading.defaults import HEARTBEAT_CHANNEL
from bridge.config.reading.document import Place
from bridge.config.schema.channels import ChannelSettings
from bridge.config.schema.config import HeartbeatSettings, JournalSettings
from bridge.config.schema.listeners import AdminSettings, MetricsSettings
from bridge.config.schema.routes import RouteGroupSettings
from bridge.config.schema.sources import DiscoverSettings, GrpcSettings, HttpSettings, SourceSettings
from bridge.config.schema.values import ListenAddress
from bridge.journal.location import hosts_and_parameters
from bridge.journal.members import INTAKE
from bridge.language.diagnostics.diagnostic import Code

_SOURCES = "[{http: 127.0.0.1:2801}]"
_LONGEST_ATTEMPT_SECONDS = 3600.0
_SHORTEST_HEARTBEAT_SECONDS = 10.0
_SHORTEST_LEASE_SECONDS, _LONGEST_LEASE_SECONDS = 0.5, 60.0
_NO_WRITES, _ANY = frozenset({"read-only", "standby"}), frozenset({"any", "prefer-standby"})
"""Values of ``target_session_attrs``."""
_ORIGIN = re.compile(r"https?://[^\s/*?#@]+/?|null")
_ALL_HOSTS = frozenset({"0.0.0.0", "::"})  # noqa: S104  # compared, not bound


def check_rules(binder: Binder, values: Mapping[str, Any]) -> None:
    """Note every broken rule in the binder. ``values`` are the root's, defaults filled in."""
    channels: Mapping[str, ChannelSettings] = values.get("channels", {})
    _sources(binder, values.get("sources", ()))
    _intake(binder, values["roles"])
    for name, channel in channels.items():
        _channel(binder, ("channels", name), channel)
    _bodies(binder, values)
    _fallbacks(binder, channels)
    _groups(binder, values.get("routes", ()))
    _journal(binder, values.get("journal"))
    _roles(binder, values["roles"], values.get("journal"))
    _listeners(binder, values)
    _metrics(binder, values["metrics"])
    _admin(binder, values["admin"])
    check_console(binder, values["console"])
    _heartbeat(binder, values["heartbeat"], channels)


def _heartbeat(binder: Binder, heartbeat: HeartbeatSettings | None, channels: Mapping[str, ChannelSettings]) -> None:
    if heartbeat is None:
        return
    by_url = ("heartbeat", "url") in binder.spans
    if by_url == (("heartbeat", "channel") in binder.spans):
        problem = "both `channel` and `url`" if by_url else "neither `channel` nor `url`"
        binder.error(Code.CONFLICT, ("heartbeat",), f"`heartbeat` has {problem}", "write one of them")
    elif by_url and ("channels", HEARTBEAT_CHANNEL) in binder.spans:
        message = f"`url` makes a channel named `{HEARTBEAT_CHANNEL}`, and there is one already"
        binder.error(Code.CONFLICT, ("heartbeat", "url"), message, "rename the channel, or write `channel`")
    elif not by_url and "://" in (heartbeat.channel or ""):
        binder.error(Code.INVALID_VALUE, ("heartbeat", "channel"), "this is a URL", "write heartbeat: {url: …}")
    elif heartbeat.channel is not None and heartbeat.channel not in channels and not by_url:
        hint = did_you_mean(heartbeat.channel, channels) or f"the channels are {', '.join(channels)}"
        binder.error(Code.INVALID_VALUE, ("heartbeat", "channel"), f"unknown channel `{heartbeat.channel}`", hint)
    if heartbeat.every.seconds < _SHORTEST_HEARTBEAT_SECONDS:
        binder.error(Code.INVALID_VALUE, ("heartbeat", "every"), "the shortest interval is 10s", "write 10s or more")


def _groups(binder: Binder, groups: tuple[RouteGroupSettings, ...]) -> None:
    """Names of groups are unique: they precede the names of routes."""
    names: set[str] = set()
    for at, group in zip(binder.positions.get(("routes",), ()), groups, strict=True):
        if group.name and group.name in names:
            binder.error(
                Code.CONFLICT, ("routes", at), f"two groups are named `{group.name}`", "give each its own `name`"
            )
        names.add(group.name)


# Sources


def _intake(binder: Binder, roles: tuple[str, ...]) -> None:
    """A bridge that takes in alerts needs a source."""
    if roles and INTAKE not in roles:
        return
    if ("sources",) in binder.empty:
        binder.error(Code.MISSING_KEY, ("sources",), "`sources` is empty", f"such as {_SOURCES}")
    elif not binder.is_mentioned(("sources",)):
        binder.error(Code.MISSING_KEY, (), "the config has no `sources`", f"add `sources`, such as sources: {_SOURCES}")


def _sources(binder: Binder, sources: tuple[SourceSettings, ...]) -> None:
    names: set[str] = set()
    falcos: set[str] = set()
    for at, source in zip(binder.positions.get(("sources",), ()), sources, strict=True):
        place: Place = ("sources", at)
        if source.name in names:
            binder.error(Code.CONFLICT, place, f"two sources are named `{source.name}`", "give each its own `name`")
        names.add(source.name)
        for address in _falcos(source):
            if address in falcos:
                message = f"{address} is read twice, and a Falco gives each alert to one reader only"
                binder.error(Code.CONFLICT, place, message, "name it once")
            falcos.add(address)
        if isinstance(source, GrpcSettings):
            _grpc(binder, place, source)
        elif isinstance(source, HttpSettings):
            _http(binder, place, source)


def _falcos(source: SourceSettings) -> tuple[str, ...]:
    """The Falcos that a source reads by gRPC, each by one name."""
    match source:
        case GrpcSettings():
            return tuple(_one_name(each.target) for each in source.grpc)
        case DiscoverSettings():
            return (str(source.discover),)
        case _:
            return ()


def _one_name(address: str) -> str:
    path = address.removeprefix("unix:")
    return address if path == address else f"unix:{Path(path).resolve()}"


def _grpc(binder: Binder, place: Place, source: GrpcSettings) -> None:
    over_tcp = any(not each.is_unix for each in source.grpc)
    if over_tcp and (*place, "tls") not in binder.spans:
        message = "Falco serves gRPC over TCP with mutual TLS only"
        binder.error(Code.MISSING_KEY, (*place, "grpc"), message, "add tls: {ca: …, cert: …, key: …}")
    if source.grpc and not over_tcp and source.tls is not None:
        binder.error(Code.CONFLICT, (*place, "tls"), "a unix socket has no TLS", "remove `tls`")


def _http(binder: Binder, place: Place, source: HttpSettings) -> None:
    """People are notified by what is posted here."""
    for at, origin in zip(binder.positions.get((*place, "origins"), ()), source.origins, strict=False):
        if not _ORIGIN.fullmatch(origin):
            message = f"`{origin}` is not an origin: it would match no web page"
            binder.error(Code.INVALID_VALUE, (*place, "origins", at), message, "write https://HOST, without a path")
    guarded = _given(binder, place, "path", "token", "allow") or (*place, "tls", "ca") in binder.spans
    wrong = binder.spans.get((*place, "insecure"))  # `insecure: yes` is an error of its own
    if any(each.span == wrong for each in binder.diagnostics):
        return
    if not guarded and not source.insecure and not source.http.is_loopback:
        hint = "add `path`, `token`, `allow` or `tls` with `ca`; or listen on 127.0.0.1; or set insecure: true"
        message = f"anyone who can connect to {source.http.host} could post alerts"
        binder.error(Code.OPEN_LISTENER, (*place, "http"), message, hint)


# Channels


def _channel(binder: Binder, place: Place, channel: ChannelSettings) -> None:
    url_place = (*place, "url")
    if channel.scheme == "exec" and url_place in binder.referring:
        message = "every user of this machine can see the arguments of a program"
        binder.error(Code.EXPOSED_SECRET, url_place, message, "let the program read the secret itself")
    if channel.rate is None and channel.burst is not UNSET:
        hint = "add `rate`, or remove `burst`: the channel has no rate limit"
        binder.error(Code.CONFLICT, (*place, "burst"), "`burst` needs a `rate`", hint)
    if channel.attempt_timeout.seconds > _LONGEST_ATTEMPT_SECONDS:
        binder.error(Code.INVALID_VALUE, (*place, "attempt_timeout"),
                     "`attempt_timeout` is longer than an hour", "write at most 1h; the default is 60s")  # fmt: skip


def _bodies(binder: Binder, values: Mapping[str, Any]) -> None:
    """Every name in a body is one that an alert or the config can have."""
    added = {each.name for file in values["fields"] for each in file.fields}
    for texts in binder.body_texts.values():
        for text in texts:
            binder.diagnostics += body_problems(text, values["labels"], added)


def _fallbacks(binder: Binder, channels: Mapping[str, ChannelSettings]) -> None:
    """Every fallback must be another channel, and no chain of them may return to its start."""
    names = {name for place in binder.spans if len(place) == 2 and place[0] == "channels" for name in place[1:]}
    for name, channel in channels.items():
        place = ("channels", name, "fallback")
        if channel.fallback is None:
            continue
        if channel.fallback not in names:
            hint = did_you_mean(channel.fallback, channels) or f"the channels are {', '.join(channels)}"
            binder.error(Code.BAD_FALLBACK, place, f"unknown channel `{channel.fallback}` as fallback", hint)
        elif len(chain := _chain(name, channels)) > 1 and chain[-1] == name:
            message = f"the fallbacks form a cycle: {' → '.join(chain)}"
            binder.error(Code.BAD_FALLBACK, place, message, "remove `fallback` from one of them")


def _chain(name: str, channels: Mapping[str, ChannelSettings]) -> list[str]:
    """The channels from one to its last fallback, or until one repeats."""
    chain = [name]
    while (following := channels[chain[-1]].fallback) in channels:
        assert following is not None
        chain.append(following)
        if following in chain[:-1]:
            break
    return chain


def _journal(binder: Binder, journal: JournalSettings | None) -> None:
    if journal is None:
        return
    if journal.password is not None and journal.url is None:
        binder.error(Code.CONFLICT, ("journal", "password"), "`password` needs a `url`", "add `url`, or remove it")
    if journal.standby and journal.url is None:
        message = "`standby` needs a `url`: bridges do not share a file"
        binder.error(Code.CONFLICT, ("journal", "standby"), message, "add `url`, or remove it")
    if journal.lease != JournalSettings().lease and (journal.url is None or journal.standby):
        binder.error(Code.CONFLICT, ("journal", "lease"), "`lease` is for the bridges of a fleet",
                     "remove `standby`, or `lease`" if journal.standby else "add `url`, or remove it")  # fmt: skip
    if journal.url is not None and (wrong := _reads_only(journal.url.reveal())):
        message = f"`target_session_attrs={wrong}` may choose a server that accepts no writes"
        binder.error(Code.INVALID_VALUE, ("journal", "url"), message, "remove it: the bridge uses the one that does")
    if is_folder(journal.path):
        place: Place = ("journal", "path") if ("journal", "path") in binder.spans else ("journal",)
        binder.error(Code.INVALID_VALUE, place, f"the journal is a file, and {journal.path} is a folder",
                     "name a file in it, such as journal.db")  # fmt: skip


def _reads_only(url: str) -> str:
    """The wanted state of servers, where one that accepts no writes has it."""
    hosts, parameters = hosts_and_parameters(url)
    wanted = parameters.get("target_session_attrs", "")
    return wanted if wanted in _NO_WRITES or (wanted in _ANY and len(hosts) > 1) else ""


def _roles(binder: Binder, roles: tuple[str, ...], journal: JournalSettings | None) -> None:
    """Only bridges that share a database have roles."""
    twice = sorted({each for each in roles if roles.count(each) > 1})
    if twice:
        binder.error(Code.INVALID_VALUE, ("roles",), f"`{twice[0]}` is listed twice", "write it once")
    if roles and journal is not None and journal.url is None:
        binder.error(Code.CONFLICT, ("roles",), "`roles` needs a journal in PostgreSQL: bridges do not share a file",
                     "write journal: postgresql://…, or remove it")  # fmt: skip
    if roles and journal is not None and journal.standby:
        binder.error(Code.CONFLICT, ("journal", "standby"), "`standby` is for a bridge outside of a fleet: in one, all "
                     "bridges with `roles` work", "remove it, or `roles`")  # fmt: skip
    if journal is not None and journal.lease.seconds < _SHORTEST_LEASE_SECONDS:
        binder.error(Code.INVALID_VALUE, ("journal", "lease"), "the shortest lease is 500ms", "write 500ms or more")
    if journal is not None and journal.lease.seconds > _LONGEST_LEASE_SECONDS:
        binder.error(Code.INVALID_VALUE, ("journal", "lease"), "the longest lease is 1m", "write 1m or less")


# Listeners


def _listeners(binder: Binder, values: Mapping[str, Any]) -> None:
    """No two listeners may use one port of one address."""
    places: list[tuple[Place, str, ListenAddress]] = [
        (("sources", at, "http"), "an http source", source.http)
        for at, source in zip(binder.positions.get(("sources",), ()), values.get("sources", ()), strict=True)
        if isinstance(source, HttpSettings)
    ]
    if values["metrics"] is not None:
        places.append((("metrics", "listen"), "metrics", values["metrics"].listen))
    if values["admin"].listen is not None:
        places.append((("admin", "listen"), "admin", values["admin"].listen))
    if values["acknowledge"] is not None:
        places.append((("acknowledge", "listen"), "acknowledge", values["acknowledge"].listen))
    if values["console"] is not None and values["console"].listen is not None:
        places.append((("console", "listen"), "console", values["console"].listen))
    for number, (place, noun, address) in enumerate(places):
        for _, other, earlier in places[:number]:
            hosts = {address.host, earlier.host}
            if address.port == earlier.port != 0 and (len(hosts) == 1 or hosts & _ALL_HOSTS):
                message = f"{other} and {noun} both listen on port {address.port}"
                binder.error(Code.CONFLICT, place, message, "give each a port of its own")
                break


def _metrics(binder: Binder, metrics: MetricsSettings | None) -> None:
    if metrics is None or metrics.insecure or metrics.listen.is_loopback:
        return
    if _given(binder, ("metrics",), "token", "allow"):
        return
    message = f"anyone who can connect to {metrics.listen.host} could read the names of nodes, routes and channels"
    hint = "add `token` or `allow`; or listen on 127.0.0.1; or set insecure: true"
    binder.error(Code.OPEN_LISTENER, ("metrics", "listen"), message, hint)


def _admin(binder: Binder, admin: AdminSettings) -> None:
    if admin.socket is not None and ("admin", "socket") not in binder.spans and (why := too_long(admin.socket)):
        place: Place = ("admin",) if ("admin",) in binder.spans else ("journal",)
        binder.error(Code.INVALID_VALUE, place, why, "name a shorter one, such as admin: /run/falco-bridge/admin.sock")
    if admin.listen is not None and not _given(binder, ("admin",), "token"):
        message = f"anyone who can connect to {admin.listen.host} could operate the bridge"
        binder.error(Code.OPEN_LISTENER, ("admin", "listen"), message, "add `token`")


def _given(binder: Binder, place: Place, *names: str) -> bool:
    """Whether one of these keys is written, be its value right or wrong: that is an error of its own."""
    return any((*place, name) in binder.spans for name in names)
