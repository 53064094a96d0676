"""Reads falcosidekick's settings from its config.yaml, from Helm values or from a list of environment variables."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from bridge.common.files.yaml_aliases import repeats_too_much

_ENV_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)=(.*)")
_NEVER_OUTPUTS = frozenset({
    "debug", "listenaddress", "listenport", "customfields", "templatedfields", "customtags", "bracketreplacer",
    "tlsserver", "outputfieldformat", "mutualtlsfilespath", "mutualtlsclient", "tlsclient", "existingsecret",
    "extraenv", "extraargs",
})  # fmt: skip
"""Settings of falcosidekick itself, and of its Helm chart's ``config``."""
_LARGEST = 1_000_000
_ON = frozenset({"true", "1", "yes", "t", "on"})


class _Loader(yaml.SafeLoader):
    """Reads every scalar as the text that is written: a date, ``no``, ``012``."""


def _as_written(loader: _Loader, node: Any) -> Any:
    return loader.construct_scalar(node)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rsplit(":", 1)[-1] in {"null", "merge"}]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag in ("bool", "int", "float", "timestamp", "binary"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _as_written)


class UnreadableConfigError(Exception):
    """The text is not a config of falcosidekick. The message says what it is and what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings by their path in lower case, such as ``slack.webhookurl``. Empty values are left out."""

    values: Mapping[str, str]
    maps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Settings that are mappings, such as ``customfields``."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """The whole list of environment variables, where the settings came from one."""
    used: set[str] = field(default_factory=set)
    """The paths that were asked for."""

    def get(self, path: str, default: str = "") -> str:
        """The value, or the default."""
        self.used.add(path)
        return self.values.get(path, default)

    def has(self, *paths: str) -> bool:
        """Whether all of them have a value."""
        return all(self.get(path) for path in paths)

    def is_set(self, path: str, *, default: bool) -> bool:
        """A switch."""
        return self.get(path, str(default)).lower() in _ON

    def mapping(self, path: str) -> Mapping[str, str]:
        """A setting that is a mapping, or a text such as ``a:1,b:2``."""
        self.used.add(path)
        if path in self.maps:
            return self.maps[path]
        parts = self.values.get(path, "").replace("\\,", ",").split(",")
        pairs = (part.split(":", 1) for part in parts if ":" in part)
        return {name.strip(): value.strip() for name, value in pairs}

    def texts(self) -> Iterator[tuple[str, str]]:
        """Every value with its path."""
        yield from self.values.items()
        for path, values in self.maps.items():
            yield from ((f"{path}.{name}", value) for name, value in values.items())

    def names_below(self, path: str) -> list[str]:
        """The settings directly below a path, such as ``webhookurl`` below ``slack``."""
        prefix = f"{path}."
        names = [each.removeprefix(prefix) for each in (*self.values, *self.maps) if each.startswith(prefix)]
        return [each for each in names if "." not in each]

    def unknown(self, outputs: Collection[str]) -> list[str]:
        """The first parts of paths that belong to none of these outputs: ``slak``, ``aws.s4``."""
        clouds = {name.split(".", 1)[0] for name in outputs if "." in name}
        found = set()
        for first, *rest in (path.split(".") for path in (*self.values, *self.maps)):
            of_cloud = first in clouds and len(rest) > 1
            name = f"{first}.{rest[0]}" if of_cloud else first
            if name not in outputs and (of_cloud or first not in clouds | _NEVER_OUTPUTS):
                found.add(name)
        return sorted(found)


def read_settings(text: str, known: frozenset[str]) -> Settings:
    """The settings. ``known`` are the paths that environment variables may name.

    Raises UnreadableConfigError.
    """
    if len(text) > _LARGEST:
        raise UnreadableConfigError("it is larger than 1 MB, so it is no config of falcosidekick")
    variables = _environment(text)
    settings = _from_environment(variables, known) if variables else _from_yaml(_document(text))
    for path, value in settings.texts():
        if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
            raise UnreadableConfigError(f"`{path}` contains a character that is not text")
    return settings


def _document(text: str) -> Any:
    try:
        document = yaml.load(text, Loader=_Loader)  # noqa: S506  # a safe loader
        if repeats_too_much(document):
            raise UnreadableConfigError("its aliases (`*`) stand for too many values")
    except RecursionError:
        raise UnreadableConfigError("it is nested too deeply") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}" if mark is not None else ""
        raise UnreadableConfigError(f"it is neither YAML{place} nor a list of NAME=value lines") from None
    return document


def _environment(text: str) -> dict[str, str]:
    """The variables, if the first line is one. Lines that are none continue the value of the variable before them."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    variables: dict[str, str] = {}
    name = ""
    for line in lines:
        if found := _ENV_LINE.fullmatch(line.strip()):
            name = found[1]
            variables[name] = found[2]
        elif name:
            variables[name] += f"\n{line}"
        else:
            return {}
    return {name: _unquoted(value) for name, value in variables.items()}


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value


def _from_environment(variables: Mapping[str, str], known: frozenset[str]) -> Settings:
    """A variable is the path in upper case, with ``_`` for each dot. Other variables of the machine are left out."""
    by_name = {path.replace(".", "_").upper(): path for path in known}
    found = {by_name[name]: value for name, value in variables.items() if name in by_name and value}
    if not found:
        raise UnreadableConfigError("none of its variables is one of falcosidekick, such as SLACK_WEBHOOKURL")
    return Settings(found, variables=variables)


def _from_yaml(document: Any) -> Settings:
    if not isinstance(document, dict):
        raise UnreadableConfigError("it is not a mapping of falcosidekick's settings, such as `slack:`")
    if {"sources", "channels", "routes"} <= set(document):
        raise UnreadableConfigError("it is a config of falco-bridge already; run `falco-bridge check --config FILE`")
    if {"rules_files", "rules_file", "json_output", "http_output"} & set(document):
        raise UnreadableConfigError("it is a falco.yaml; give falcosidekick's own config")
    chart = document.get("falcosidekick", document)
    config = chart.get("config", chart) if isinstance(chart, dict) else {}
    if not isinstance(config, dict):
        raise UnreadableConfigError("`config` is not a mapping")
    values: dict[str, str] = {}
    maps: dict[str, dict[str, str]] = {}
    for path, value in _leaves(config, ""):
        if isinstance(value, dict):
            keeps_case = path.endswith(".customheaders")
            maps[path] = {
                str(name) if keeps_case else str(name).lower(): _text(each)
                for name, each in value.items()
                if each is not None
            }
        elif _text(value):
            values[path] = _text(value)
    return Settings(values, maps)


_MAPS = frozenset({
    "customfields", "templatedfields", "customheaders", "extensions", "customattributes", "extraenvvars", "extralabels",
    "extraannotations", "customseveritymap",
})  # fmt: skip
"""Settings whose names are the user's. falcosidekick reads the names in lower case, like all in its file."""


def _leaves(value: Mapping[Any, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, each in value.items():
        path = f"{prefix}{str(name).lower()}"
        if isinstance(each, dict) and path.rsplit(".", 1)[-1] not in _MAPS:
            yield from _leaves(each, f"{path}.")
        else:
            yield path, each


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(filter(None, map(_text, value)))
    return "" if value is None else str(value).strip()
