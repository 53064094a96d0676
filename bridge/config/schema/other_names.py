"""Names of keys in other tools, for hints."""

from __future__ import annotations

from collections.abc import Collection

_MEANT = {
    "timeout": ("attempt_timeout", "drain"), "webhook_url": ("url",), "webhook": ("url",), "uri": ("url",),
    "endpoint": ("url",), "api_url": ("url",), "bearer": ("token",), "auth": ("token",), "password": ("token",),
    "api_key": ("token",), "auth_token": ("token",), "secret_path": ("path",), "port": ("listen",), "bind": ("listen",),
    "addr": ("listen",), "host": ("listen",), "bind_address": ("listen",), "file": ("path",), "db": ("journal", "path"),
    "database": ("journal", "path"), "dsn": ("path",), "storage": ("journal",), "state": ("journal",),
    "logging": ("log",), "logger": ("log",), "prometheus": ("metrics",), "monitoring": ("metrics",),
    "outputs": ("channels",), "receivers": ("channels",), "destinations": ("channels",), "notifiers": ("channels",),
    "targets": ("channels",), "inputs": ("sources",), "listeners": ("sources",), "rules": ("routes",),
    "route_files": ("routes",), "external_labels": ("labels",), "customfields": ("labels",), "begin": ("read_from",),
    "from": ("read_from",), "position": ("read_from",), "tz": ("timezone",), "time_zone": ("timezone",),
    "rate_limit": ("rate",), "ratelimit": ("rate",), "limit": ("rate",), "throttle": ("rate",),
    "max_age": ("give_up_after",),
    "retry_for": ("give_up_after",), "ttl": ("give_up_after",), "expire": ("give_up_after",),
    "digest": ("digest_after",),
    "batch": ("digest_after",), "workers": ("concurrency",), "parallelism": ("concurrency",), "backup": ("fallback",),
    "fallback_channel": ("fallback",), "verbosity": ("level",), "loglevel": ("level",), "grace": ("drain",),
    "grace_period": ("drain",), "ca_file": ("ca",), "cafile": ("ca",), "cert_file": ("cert",), "key_file": ("key",),
    "client_cert": ("tls", "cert"), "client_certificate": ("tls", "cert"), "client_key": ("tls", "key"),
    "mtls": ("tls",), "mutualtls": ("tls",), "ssl": ("tls",), "key_password": ("passphrase",), "payload": ("body",),
    "template": ("body",),
    "certificate": ("cert",), "private_key": ("key",), "max_size": ("size",), "max_clients": ("max_connections",),
    "allowed_ips": ("allow",), "allowlist": ("allow",), "whitelist": ("allow",), "cidrs": ("allow",),
    "allow_from": ("allow",), "cors": ("origins",), "allowed_origins": ("origins",), "allowed_hosts": ("hosts",),
    "drain_timeout": ("drain",), "log_level": ("level",), "field_files": ("fields",),
}  # fmt: skip
_ADVICE = {
    "retries": "remove it: failed deliveries are tried again until `give_up_after`",
    "max_retries": "remove it: failed deliveries are tried again until `give_up_after`",
    "retry": "remove it: failed deliveries are tried again until `give_up_after`",
    "enabled": "remove it; what is not in use is commented out with `#`",
    "min_severity": "remove it, and compare in the routes: when priority >= critical",
    "min_priority": "remove it, and compare in the routes: when priority >= critical",
    "minimumpriority": "remove it, and compare in the routes: when priority >= critical",
    "severity": "remove it; routes set it: severity critical",
    "version": "remove it: the config has no version",
    "type": "remove it: the scheme of the URL names the service",
    "output": "remove it: the bridge logs on standard error",
    "filter": "remove it, and write the condition in a route: when …",
    "defaults": "write the options with each channel",
    "secrets": "write `${NAME}` or `${file:/run/secrets/name}` where a secret is used",
    "tls": "write it with its source or channel, such as - {http: …, tls: {…}}",
    "timezone": 'write it with its source, or in a schedule: in "Europe/Berlin"',
}  # fmt: skip


def meant_key(name: str, known: Collection[str]) -> str | None:
    """The known key that another tool calls ``name``; None if there is none."""
    return next((each for each in _MEANT.get(name.lower(), ()) if each in known), None)


def advice_on(name: str) -> str:
    """What to do about a key that has no counterpart, or an empty string."""
    return _ADVICE.get(name.lower(), "")
