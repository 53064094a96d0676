"""Reads falcosidekick's settings from its config.yaml, from Helm values or from a list of environment variables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from bridge.common.files.yaml_aliases import repeats_too_much

_ENV_LINE = re.compile(r"(?:export\s+)?([A-Z][A-Z0-9_]*)=(.*)")
_NEVER_OUTPUTS = frozenset({
    "debug", "listenaddress", "listenport", "customfields", "templatedfields", "customtags", "bracketreplacer",
    "tlsserver", "outputfieldformat", "mutualtlsfilespath", "mutualtlsclient", "tlsclient", "existingsecret",
    "extraenv", "extraargs",
})  # fmt: skip
"""Settings of falcosidekick itself, and of its Helm chart's ``config``."""
_LARGEST = 1_000_000


class UnreadableConfigError(Exception):
    """The text is not a config of falcosidekick. The message says what it is and what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings by their path in lower case, such as ``slack.webhookurl``. Empty values are left out."""

    values: Mapping[str, str]
    maps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Settings that are mappings, such as ``customfields``."""
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
        return self.get(path, str(default)).lower() in {"true", "1", "yes", "t"}

    def mapping(self, path: str) -> Mapping[str, str]:
        """A setting that is a mapping, or a text such as ``a:1,b:2``."""
        self.used.add(path)
        if path in self.maps:
            return self.maps[path]
        pairs = (part.split(":", 1) for part in self.values.get(path, "").split(",") if ":" in part)
        return {name.strip(): value.strip() for name, value in pairs}

    def groups(self) -> list[str]:
        """The first parts of all paths that may be outputs."""
        names = {path.split(".", 1)[0] for path in (*self.values, *self.maps)}
        return sorted(names - _NEVER_OUTPUTS)


def read_settings(text: str, known: frozenset[str]) -> Settings:
    """The settings. ``known`` are the paths that environment variables may name.

    Raises UnreadableConfigError.
    """
    if len(text) > _LARGEST:
        raise UnreadableConfigError("it is larger than 1 MB, so it is no config of falcosidekick")
    variables = _environment(text)
    if variables:
        return _from_environment(variables, known)
    try:
        document = yaml.safe_load(text)
        if repeats_too_much(document):
            raise UnreadableConfigError("its aliases (`*`) stand for too many values")
    except RecursionError:
        raise UnreadableConfigError("it is nested too deeply") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}" if mark is not None else ""
        raise UnreadableConfigError(f"it is neither YAML{place} nor a list of NAME=value lines") from None
    return _from_yaml(document)


def _environment(text: str) -> dict[str, str]:
    """The variables, if every line is one, empty or a comment."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    matches = [_ENV_LINE.fullmatch(line) for line in lines]
    if not lines or not all(matches):
        return {}
    return {found[1]: _unquoted(found[2]) for found in matches if found is not None}


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value


def _from_environment(variables: Mapping[str, str], known: frozenset[str]) -> Settings:
    """A variable is the path in upper case, with ``_`` for each dot. Other variables of the machine are left out."""
    by_name = {path.replace(".", "_").upper(): path for path in known}
    found = {by_name[name]: value for name, value in variables.items() if name in by_name and value}
    if not found:
        raise UnreadableConfigError("none of its variables is one of falcosidekick, such as SLACK_WEBHOOKURL")
    return Settings(found)


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
            maps[path] = {str(name): _text(each) for name, each in value.items() if each is not None}
        elif _text(value):
            values[path] = _text(value)
    return Settings(values, maps)


_MAPS = ("customfields", "templatedfields", "customheaders", "extensions", "customattributes", "extraenvvars")


def _leaves(value: Mapping[Any, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, each in value.items():
        path = f"{prefix}{str(name).lower()}"
        if isinstance(each, dict) and path.rsplit(".", 1)[-1] not in _MAPS:
            yield from _leaves(each, f"{path}.")
        else:
            yield path, each


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list) else str(value).strip()
