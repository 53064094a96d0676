"""What an output of falcosidekick becomes: a channel, or a sentence that says what to do instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, count
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urlsplit

from bridge.migration.falcosidekick.settings import Settings

_TOKEN = re.compile(r"(?=.*[A-Za-z])(?=.*[0-9]).{6,}|[0-9]{6,}|(?=.*[a-z])(?=.*[A-Z]).{12,}|.{24,}")
"""A run of characters such as those of tokens in webhook URLs: letters and digits, both cases, or very long."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A secret that the config refers to as ``${NAME}``."""

    name: str
    value: str
    """What the variable must contain: percent-encoded where it becomes a part of a URL."""
    meaning: str
    """Where the value comes from."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel of falco-bridge."""

    url: str
    variables: tuple[Variable, ...] = ()
    notes: tuple[str, ...] = ()
    """What is different from before."""
    also: tuple[str, ...] = ()
    """The URLs of further channels that get the same."""
    body: Any = None
    """The ``body`` of a webhook; None for the JSON of its format."""


@dataclass(frozen=True, slots=True)
class Output:
    """An output of falcosidekick."""

    name: str
    """Its path: ``slack``, ``aws.s3``."""
    enabled: tuple[str, ...]
    """The settings that enable it, below its path: all must have a value."""
    make: Callable[[Settings], Channel] | None = None
    """Its channel; None where there is no equivalent."""
    instead: str = ""
    """What to do where there is no equivalent."""
    others: tuple[str, ...] = ()
    """Further settings, for environment variables."""

    def paths(self) -> frozenset[str]:
        """Every setting of the output."""
        common = (
            "minimumpriority", "checkcert", "mutualtls", "customheaders", "outputformat", "messageformat",
            "maxconcurrentrequests",
        )  # fmt: skip
        return frozenset(f"{self.name}.{each}" for each in (*self.enabled, *self.others, *common))

    def is_enabled(self, settings: Settings) -> bool:
        """Whether falcosidekick would use it."""
        if self.enabled == ("enabled",):
            return settings.is_set(f"{self.name}.enabled", default=False)
        return not self.missing(settings)

    def missing(self, settings: Settings) -> list[str]:
        """The settings that enable it and have no value."""
        return [each for each in self.enabled if not settings.has(f"{self.name}.{each}")]


def secret(path: str, value: str, *, part: bool = True) -> Variable:
    """The variable that falcosidekick itself reads for this setting. ``part``: it is a part of a URL."""
    name = path.replace(".", "_").upper()
    encoded = quote(value, safe="") if part else value
    return Variable(name, encoded, f"`{path}`" + (", percent-encoded" if encoded != value else ""))


def whole_url(path: str) -> Callable[[Settings], Channel]:
    """A pasted webhook URL, which is a secret as a whole."""

    def make(settings: Settings) -> Channel:
        variable = secret(path, settings.get(path), part=False)
        return Channel(f"${{{variable.name}}}", (variable,))

    return make


def http_channel(
    output: str,
    address: str,
    parameters: Mapping[str, str],
    headers: Mapping[str, tuple[str, str]],
    login: tuple[str, tuple[Variable, ...]] = ("", ()),
) -> Channel:
    """A ``webhook`` channel at an address. ``headers`` have a value, and words that say where it comes from.

    ``login`` is what ``basic`` returns. Tokens in the path and the values of the query become variables.
    """
    url = urlsplit(address if "://" in address else f"http://{address}")
    scheme = "webhooks" if url.scheme == "https" else "webhook"
    userinfo, variables = login[0], [*login[1]]
    if not userinfo:
        userinfo, own = login_in(output, url)
        variables += own
    path = url.path
    if _looks_secret(path):
        name = f"{_upper(output)}_PATH"
        variables.append(Variable(name, path.lstrip("/"), "the path of the address, without its first `/`"))
        path = f"/${{{name}}}"
    query = [f"{key}={value}" for key, value in parameters.items()]
    for number, part in enumerate(filter(None, url.query.split("&")), 1):
        key, _, value = part.partition("=")
        name = f"{_upper(output)}_QUERY_{number}"
        spaced = value.replace("+", "%20")  # the bridge sends a `+` as it is, and receivers read a space
        variables.append(Variable(name, spaced, f"`{unquote(key)}` of the address's query"))
        query.append(f"-{key}=${{{name}}}")
    in_headers, secrets = header_parameters(output, headers, variables)
    rest = "&".join([*query, *in_headers])
    where = f"{scheme}://{userinfo}{host_of(url)}{path or '/'}"
    return Channel(f"{where}{'?' if rest else ''}{rest}", (*variables, *secrets))


def header_parameters(
    output: str, headers: Mapping[str, tuple[str, str]], others: Iterable[Variable] = ()
) -> tuple[tuple[str, ...], tuple[Variable, ...]]:
    """Headers as parameters of a URL, ``+Name=${VARIABLE}``, and their variables.

    Each variable has a name of its own, also beside the ``others`` of the channel.
    """
    taken = {each.name for each in others}
    parameters: list[str] = []
    variables: list[Variable] = []
    for header, (value, source) in headers.items():
        name = f"{_upper(output)}_{_upper(header)}"
        name = next(each for each in chain([name], (f"{name}_{at}" for at in count(2))) if each not in taken)
        taken.add(name)
        parameters.append(f"+{quote(header, safe='-')}=${{{name}}}")
        variables.append(Variable(name, quote(value, safe=""), source))
    return tuple(parameters), tuple(variables)


def headers_of(settings: Settings, output: str) -> dict[str, tuple[str, str]]:
    """The custom headers of an output."""
    path = f"{output}.customheaders"
    return {name: (value, f"header `{name}` of `{path}`") for name, value in settings.mapping(path).items()}


def basic(settings: Settings, output: str, user: str, password: str) -> tuple[str, tuple[Variable, ...]]:
    """``USER:PASSWORD@`` with variables, and the variables; empty without a user."""
    if not settings.has(f"{output}.{user}"):
        return "", ()
    found = [secret(f"{output}.{each}", settings.get(f"{output}.{each}")) for each in (user, password)]
    return f"${{{found[0].name}}}:${{{found[1].name}}}@", tuple(found)


def login_in(output: str, url: SplitResult) -> tuple[str, tuple[Variable, ...]]:
    """The login in an address, as ``basic`` returns it."""
    if not url.username:
        return "", ()
    value, meaning = f"{url.username}:{url.password or ''}", "user and password of the address, as `user:password`"
    variable = Variable(f"{_upper(output)}_LOGIN", value, meaning)
    return f"${{{variable.name}}}@", (variable,)


def host_of(url: SplitResult) -> str:
    """Host and port of an address, without its login."""
    return url.netloc.rsplit("@", 1)[-1]


def _upper(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", name).upper()


def _looks_secret(path: str) -> bool:
    return any(map(_TOKEN.fullmatch, re.split(r"[/._-]", path)))
