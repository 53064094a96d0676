"""The ``sources`` of a config: where alerts come from, and who may bring them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml

from bridge.common.secret import Secret
from bridge.common.timezone import find_zone, zone_hint
from bridge.common.unix_socket import too_long
from bridge.config.reader import Reader
from bridge.language.program.values import Network, parse_address, parse_network
from bridge.sources.grpc.discovery import DnsName, server_address
from bridge.sources.grpc.tls import ClientTls

_KINDS = {
    "grpc": ("grpc", "name", "tls"),
    "discover": ("discover", "name", "tls", "resolver"),
    "http": (
        "http",
        "name",
        "tls",
        "path",
        "token",
        "allow",
        "insecure",
        "max_connections",
        "max_connections_per_peer",
        "timezone",
    ),
    "stdin": ("stdin", "name", "timezone"),
    "file": ("file", "name", "read_from", "timezone"),
    "socket": ("socket", "name", "group", "spool", "timezone"),
}
_ADDRESS = re.compile(r"(\[[^\]]+\]|[^\s/:]*):(\d{1,5})")
_DNS_NAME = re.compile(r"dns://([A-Za-z0-9_.-]+):(\d{1,5})")
_BEGIN = ("start", "end")


@dataclass(frozen=True, slots=True)
class GrpcSettings:
    """Falcos to read by gRPC."""

    name: str
    addresses: tuple[str, ...]
    tls: ClientTls | None


@dataclass(frozen=True, slots=True)
class DiscoverSettings:
    """All the Falcos behind a name, to read by gRPC."""

    name: str
    dns: DnsName
    tls: ClientTls


@dataclass(frozen=True, slots=True)
class ServerTls:
    """PEM files of the http source: who we are, and whose certificates may post."""

    certificate: Path
    key: Path
    ca: Path | None


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Where Falco's http_output posts to."""

    name: str
    host: str
    port: int
    path: Secret
    token: Secret
    allow: tuple[Network, ...]
    tls: ServerTls | None
    connections: int
    per_peer: int
    zone: ZoneInfo | None = None
    """Of the clock by which text alerts tell the time; None is UTC. So for the next three."""


@dataclass(frozen=True, slots=True)
class StdinSettings:
    """Standard input."""

    name: str
    zone: ZoneInfo | None = None


@dataclass(frozen=True, slots=True)
class FileSettings:
    """Files to follow; the pattern is absolute."""

    name: str
    pattern: str
    begin: str
    zone: ZoneInfo | None = None


@dataclass(frozen=True, slots=True)
class SocketSettings:
    """Where ``falco-bridge send`` hands alerts over, and where it leaves them while no bridge runs."""

    name: str
    path: Path
    spool: Path
    group: str
    zone: ZoneInfo | None = None


SourceSettings = GrpcSettings | DiscoverSettings | HttpSettings | StdinSettings | FileSettings | SocketSettings


def read_sources(reader: Reader, node: yaml.Node | None, folder: Path) -> tuple[SourceSettings, ...]:
    """Every source; mistakes are noted in the reader."""
    if node is None:
        return ()
    items = reader.sequence(node, "sources")
    if not items and isinstance(node, yaml.SequenceNode):
        reader.wrong(node, "`sources` names none", "for example: - grpc: unix:///run/falco/falco.sock")
    found = [(item, source) for item in items if (source := _Source(reader, item, folder).read()) is not None]
    _check_repeated(reader, found)
    return tuple(source for _, source in found)


def _check_repeated(reader: Reader, found: Sequence[tuple[yaml.Node, SourceSettings]]) -> None:
    """Names must differ; and two readers of one Falco would each get a part of its alerts."""
    names: set[str] = set()
    falcos: set[str] = set()
    for item, source in found:
        if source.name in names:
            reader.wrong(item, f"two sources are named `{source.name}`", "give each a `name` of its own")
        names.add(source.name)
        for address in _falcos(source):
            if address in falcos:
                reader.wrong(
                    item, f"{address} is read twice; a Falco has one queue for all who read it", "name it once"
                )
            falcos.add(address)


def _falcos(source: SourceSettings) -> tuple[str, ...]:
    """What a source reads by gRPC, each under one name however it was written."""
    match source:
        case GrpcSettings():
            return tuple(_one_name(address) for address in source.addresses)
        case DiscoverSettings():
            return (str(source.dns),)
        case _:
            return ()


def _one_name(address: str) -> str:
    path = address.removeprefix("unix:")
    return address if path == address else f"unix:{Path(path).resolve()}"


class _Source:
    """One entry of ``sources``."""

    def __init__(self, reader: Reader, node: yaml.Node, folder: Path) -> None:
        self._reader = reader
        self._node = node
        self._folder = folder
        self._entries: dict[str, yaml.Node] = {}

    def read(self) -> SourceSettings | None:
        """The settings, or None where it is none of the kinds."""
        every = tuple(dict.fromkeys(key for keys in _KINDS.values() for key in keys))
        self._entries = self._reader.mapping(self._node, "a source", every)
        kinds = [kind for kind in _KINDS if kind in self._entries]
        if len(kinds) != 1:
            several = ", not several at once" if kinds else ""
            said = f"a source is one of {', '.join(_KINDS)}{several}"
            self._reader.wrong(self._node, said, "grpc: unix:///run/falco/falco.sock, or http: 127.0.0.1:2801")
            return None
        for key in [key for key in self._entries if key not in _KINDS[kinds[0]]]:
            self._reader.wrong(self._entries[key], f"a {kinds[0]} source has no `{key}`",
                               f"it knows {', '.join(_KINDS[kinds[0]])}")  # fmt: skip
        match kinds[0]:
            case "grpc":
                return self._grpc()
            case "discover":
                return self._discover()
            case "http":
                return self._http()
            case "stdin":
                return StdinSettings(self._text("name", "stdin"), self._zone())
            case "socket":
                return self._socket()
            case _:
                return self._file()

    def _text(self, key: str, default: str) -> str:
        return self._reader.text(self._entries[key], key) if key in self._entries else default

    def _wrong(self, key: str, message: str, hint: str) -> None:
        self._reader.wrong(self._entries.get(key, self._node), message, hint)

    def _grpc(self) -> GrpcSettings:
        node = self._entries["grpc"]
        tls = self._client_tls() if "tls" in self._entries else None
        items = node.value if isinstance(node, yaml.SequenceNode) else [node]
        if not items:
            self._wrong("grpc", "`grpc` names no address", "write unix:///PATH or HOST:PORT")
        written = [self._reader.text(item, "grpc") for item in items]
        addresses = [self._address(item, address) for item, address in zip(items, written, strict=True)]
        over_tcp = [item for item, address in zip(items, written, strict=True) if not address.startswith("unix:")]
        if items and not over_tcp and tls is not None:
            self._wrong("tls", "a unix socket has no TLS", "remove `tls`")
        elif over_tcp and "tls" not in self._entries:
            self._reader.wrong(over_tcp[0], "Falco serves TCP with mutual TLS only", "add tls: {ca, cert, key}")
        return GrpcSettings(self._text("name", ", ".join(written)), tuple(addresses), tls)

    def _address(self, node: yaml.Node, address: str) -> str:
        """As gRPC wants it; a socket's path is relative to the config."""
        if address.startswith("unix:"):
            path = self._folder / address.removeprefix("unix:").removeprefix("//")
            if sentence := too_long(path):
                self._reader.wrong(node, sentence, "let Falco have it in a shorter one, /run/falco say")
            return f"unix:{path}"
        if not re.fullmatch(r"[^\s/]+:\d{1,5}", address):
            self._reader.wrong(node, "`grpc` is no address", "write unix:///PATH or HOST:PORT")
        return address

    def _discover(self) -> DiscoverSettings | None:
        address = self._text("discover", "")
        match = _DNS_NAME.fullmatch(address)
        if match is None or not 0 < int(match[2]) < 65536:
            self._wrong("discover", "`discover` names nothing to ask for", "write dns://NAME:PORT")
        resolver = self._text("resolver", "") if "resolver" in self._entries else None
        if resolver is not None and server_address(resolver) is None:
            self._wrong("resolver", "`resolver` is no DNS server's address", "write IP or IP:PORT")
        if "tls" not in self._entries:
            self._wrong("discover", "Falco serves TCP with mutual TLS only", "add tls: {ca, cert, key}")
            return None
        tls = self._client_tls()
        if match is None or tls is None:
            return None
        # A pod's certificate names the service; nobody's names the pod's address.
        tls = replace(tls, server_name=tls.server_name or match[1])
        return DiscoverSettings(self._text("name", address), DnsName(match[1], int(match[2]), resolver), tls)

    def _http(self) -> HttpSettings:
        address = self._text("http", "")
        listen = read_listen_address(address)
        if listen is None:
            self._wrong("http", "`http` is no address to listen at", "write HOST:PORT, as 127.0.0.1:2801")
        host, port = listen or ("127.0.0.1", 0)
        tls = self._server_tls() if "tls" in self._entries else None
        allow = read_networks(self._reader, self._entries.get("allow"))
        token = self._reader.password(self._entries.get("token"), "token")
        settings = HttpSettings(
            self._text("name", f"http:{address}"), host, port, self._path(), token, allow, tls,
            self._count("max_connections", 1024), self._count("max_connections_per_peer", 256), self._zone(),
        )  # fmt: skip
        self._check_open(settings)
        return settings

    def _check_open(self, settings: HttpSettings) -> None:
        """Whoever can post decides what people are told: other addresses than this machine's need a guard."""
        by_certificate = settings.tls is not None and settings.tls.ca is not None
        guarded = settings.path.reveal() or settings.token.reveal() or settings.allow or by_certificate
        insecure = self._reader.yes(self._entries.get("insecure"), "insecure")
        if not guarded and not insecure and not is_loopback(settings.host):
            way_out = "add path, token, allow or tls with ca; or listen at 127.0.0.1; or say insecure: true"
            self._wrong("http", f"anybody who reaches {settings.host} could post alerts", way_out)

    def _count(self, key: str, default: int) -> int:
        text = self._text(key, str(default))
        if not re.fullmatch(r"[1-9]\d{0,5}", text):
            self._wrong(key, f"`{key}` is no number of connections", f"like {default}")
            return default
        return int(text)

    def _path(self) -> Secret:
        """The secret first part of the path; slashes around it may be written."""
        path = self._reader.password(self._entries.get("path"), "path", around="/")
        if "/" in path.reveal():
            self._wrong("path", "`path` is one part of a path, and holds a slash", "16 random letters and digits")
        return path

    def _file(self) -> FileSettings:
        pattern = self._text("file", "")
        begin = self._reader.choice(self._entries.get("read_from"), "read_from", _BEGIN, "end")
        if not pattern:
            self._wrong("file", "`file` names no file", "like /var/log/containers/falco-*.log")
        return FileSettings(self._text("name", f"file:{pattern}"), str(self._folder / pattern), begin, self._zone())

    def _socket(self) -> SocketSettings:
        path = self._folder / self._text("socket", "")
        if sentence := too_long(path):
            self._wrong("socket", sentence, "choose a shorter one, as /run/falco-bridge/ingest.sock")
        spool = self._folder / self._text("spool", str(path.with_suffix(".spool")))
        name = self._text("name", f"socket:{path.name}")
        return SocketSettings(name, path, spool, self._text("group", ""), self._zone())

    def _zone(self) -> ZoneInfo | None:
        """None where it is not said, or is none."""
        if "timezone" not in self._entries:
            return None
        text = self._text("timezone", "")
        zone = find_zone(text)
        if zone is None:
            self._wrong("timezone", f"unknown time zone `{text}`", zone_hint(text))
        return zone

    def _client_tls(self) -> ClientTls | None:
        entries = self._reader.mapping(self._entries["tls"], "tls", ("ca", "cert", "key", "server_name"))
        files = self._files(entries, ("ca", "cert", "key"))
        if files is None:
            return None
        server_name = self._reader.text(entries["server_name"], "server_name") if "server_name" in entries else None
        return ClientTls(files["ca"], files["cert"], files["key"], server_name)

    def _server_tls(self) -> ServerTls | None:
        entries = self._reader.mapping(self._entries["tls"], "tls", ("cert", "key", "ca"))
        files = self._files(entries, ("cert", "key"))
        return None if files is None else ServerTls(files["cert"], files["key"], files.get("ca"))

    def _files(self, entries: dict[str, yaml.Node], needed: Sequence[str]) -> dict[str, Path] | None:
        missing = [name for name in needed if name not in entries]
        if missing:
            self._wrong("tls", f"`tls` lacks {', '.join(missing)}", f"it needs {', '.join(needed)}")
            return None
        files: dict[str, Path] = {}
        for name in ("ca", "cert", "key"):
            if name in entries:
                files[name] = self._folder / self._reader.text(entries[name], name)
                if not files[name].is_file():
                    self._reader.wrong(entries[name], f"there is no file {files[name]}", "name a PEM file")
        return files


def read_listen_address(text: str) -> tuple[str, int] | None:
    """``HOST:PORT`` in two; without a host, every address of this machine."""
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match[2]) > 65535:
        return None
    return match[1].strip("[]") or "0.0.0.0", int(match[2])  # noqa: S104  # as the user wrote it


def read_networks(reader: Reader, node: yaml.Node | None) -> tuple[Network, ...]:
    """The addresses and networks of an ``allow``."""
    if node is None:
        return ()
    networks: list[Network] = []
    for item in reader.sequence(node, "allow"):
        text = reader.text(item, "allow")
        address = parse_address(text)
        network = parse_network(text if address is None else f"{text}/{address.max_prefixlen}")
        if network is None:
            reader.wrong(item, f"`{text}` is no address or network", "like 10.0.0.0/8")
        else:
            networks.append(network)
    return tuple(networks)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
