"""Falco's own rules files: lists, macros, rules with what they emit; append and override as Falco reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from bridge.alert import Priority, parse_priority
from bridge.language.diagnostics.source import SourceText
from bridge.language.program.template import parse_template
from bridge.language.program.transformers import NAMES

_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
"""Every scalar stays text: ``yes``, ``0755`` and ``1.10`` are items, not values."""
_TRUE = frozenset({"true", "yes", "on", "y"})
"""What Falco's YAML reader takes for true, in small letters."""
_SYSCALL = "syscall"
SUGGESTED = frozenset(
    (
        "container.id",
        "container.name",
        "container.image.repository",
        "container.image.tag",
        "k8s.ns.name",
        "k8s.pod.name",
    )
)
"""What the container plugin suggests of system calls, and ``suggested_output: true`` appends (Falco 0.41 and newer)."""
_CONTAINER_INFO = "container.info"
"""What older rules leave to Falco to fill in."""
_CALL = re.compile(r"%[0-9]{0,4}(?:" + "|".join(NAMES) + r")\(")
_LONGEST_CALL = 2000
_FIELD = re.compile(r"[a-zA-Z]\w*(?:\.[a-zA-Z][\w-]*)+(?:\[[^\]\n]{1,200}\])?")


@dataclass(frozen=True, slots=True)
class FalcoRule:
    """What a rule says of the alerts that it raises."""

    name: str
    source: str
    priority: Priority
    tags: tuple[str, ...]
    fields: frozenset[str]
    """What its output names, and ``append_output`` adds: the fields that its alerts have."""
    output: str = ""
    """The template of its alerts' text line, with what ``append_output`` adds to that."""


@dataclass(frozen=True, slots=True)
class FalcoRules:
    """What one file, or several together, define."""

    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    macros: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, FalcoRule] = field(default_factory=dict)
    sources: tuple[SourceText, ...] = ()
    """The files that they were read from, in order."""
    configured: bool = False
    """Whether a falco.yaml was among them."""


@dataclass(slots=True)
class _Draft:
    """Definitions as they come, in Falco's order: later files append to earlier ones or replace them."""

    lists: dict[str, list[str]] = field(default_factory=dict)
    macros: dict[str, str] = field(default_factory=dict)
    rules: dict[str, dict[str, Any]] = field(default_factory=dict)
    extra: list[dict[str, Any]] = field(default_factory=list)
    configured: bool = False


def read_rules(sources: tuple[SourceText, ...]) -> FalcoRules | str:
    """What rules files define, read in order; a falco.yaml among them adds its ``append_output``.

    Returns a sentence instead where one cannot be read.
    """
    draft = _Draft()
    for source in sources:
        try:
            documents = list(yaml.load_all(source.text, Loader=_LOADER))  # the base loader makes text only
        except (yaml.YAMLError, RecursionError) as error:
            mark = getattr(error, "problem_mark", None)
            return f"{source.path} is not YAML" + (f" (line {mark.line + 1})" if mark else "")
        if not all(_takes(draft, document) for document in documents):
            return f"{source.path} is no rules file: it holds no list of rules"
    return replace(_finished(draft), sources=sources)


def read_together(several: Sequence[FalcoRules], more: Sequence[SourceText] = ()) -> FalcoRules | str:
    """These and further files as if they were read in one go, each once: what one appends finds what it adds to."""
    before = [source for rules in several for source in rules.sources]
    sources = tuple({source.path: source for source in (*before, *more)}.values())
    same = next((rules for rules in several if rules.sources == sources), None)
    return read_rules(sources) if same is None else same


def _mappings(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _takes(draft: _Draft, document: object) -> bool:
    """Whether it holds rules, is a falco.yaml or is empty; Falco reads each document of a file."""
    if isinstance(document, dict):
        draft.configured = True
        draft.extra += _mappings(document.get("append_output"))
    for entry in _mappings(document):
        _take(draft, entry)
    return isinstance(document, dict | list) or not document


def _take(draft: _Draft, entry: dict[str, Any]) -> None:
    if isinstance(name := entry.get("list"), str):
        items = list(_texts(entry.get("items")))
        appends = _appends(entry, "items")
        draft.lists[name] = [*draft.lists.get(name, []), *items] if appends else items
    elif isinstance(name := entry.get("macro"), str):
        condition = str(entry.get("condition", "")).strip()
        before = draft.macros.get(name, "")
        draft.macros[name] = f"{before} {condition}" if _appends(entry, "condition") and before else condition
    elif isinstance(name := entry.get("rule"), str):
        draft.rules[name] = _rule(draft.rules.get(name), entry)


def _rule(before: dict[str, Any] | None, entry: dict[str, Any]) -> dict[str, Any]:
    changes = before is not None and ("override" in entry or _is_true(entry.get("append")) or "output" not in entry)
    if before is None or not changes:
        return dict(entry)
    merged = dict(before)
    for key, value in entry.items():
        if key not in {"rule", "override", "append", "condition"}:
            appended = _appends(entry, key) and key in merged
            merged[key] = _joined(merged[key], value) if appended else value
    return merged


def _appends(entry: dict[str, Any], key: str) -> bool:
    override = entry.get("override")
    if isinstance(override, dict):
        return bool(override.get(key) == "append")
    return _is_true(entry.get("append"))


def _is_true(value: object) -> bool:
    return isinstance(value, str) and value.lower() in _TRUE


def _joined(before: object, value: object) -> object:
    if isinstance(before, list) and isinstance(value, list):
        return [*before, *value]
    return f"{before} {value}"


def _texts(value: object) -> Iterator[str]:
    """Items, nested lists of items too, as Falco takes them."""
    waiting = list(reversed(value)) if isinstance(value, list) else []
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, list):
            waiting += reversed(item)


def _finished(draft: _Draft) -> FalcoRules:
    rules = {name: _falco_rule(name, entry) for name, entry in draft.rules.items()}
    for extra in draft.extra:
        fields = _fields_of(extra)
        more = f" {str(extra.get('extra_output', '')).strip()}".rstrip()
        rules = {
            name: replace(rule, fields=rule.fields | fields | _suggested(extra, rule), output=rule.output + more)
            if _matches(extra.get("match"), rule)
            else rule
            for name, rule in rules.items()
        }
    lists = {name: tuple(items) for name, items in draft.lists.items()}
    return FalcoRules(lists, draft.macros, rules, configured=draft.configured)


def _falco_rule(name: str, entry: dict[str, Any]) -> FalcoRule:
    output = entry.get("output")
    return FalcoRule(
        name,
        str(entry.get("source", _SYSCALL)),
        parse_priority(str(entry.get("priority", ""))) or Priority.DEBUG,
        tuple(_texts(entry.get("tags"))),
        _named_in(output if isinstance(output, str) else ""),
        output.strip() if isinstance(output, str) else "",
    )


def _named_in(output: str) -> frozenset[str]:
    """The fields of an output, those inside its transformers too: ``%join("/", (proc.pname, proc.name))`` names two."""
    named = {slot.name for slot in parse_template(output).slots} - set(NAMES)
    for call in _CALL.finditer(output):
        named.update(_FIELD.findall(_enclosed(output, call.end())))
    return frozenset(named - {_CONTAINER_INFO}) | (SUGGESTED if _CONTAINER_INFO in named else frozenset())


def _enclosed(text: str, start: int) -> str:
    """What stands between an open parenthesis, which ends at ``start``, and the one that closes it."""
    depth = 1
    for at in range(start, min(len(text), start + _LONGEST_CALL)):
        depth += (text[at] == "(") - (text[at] == ")")
        if not depth:
            return text[start:at]
    return ""


def _fields_of(extra: dict[str, Any]) -> frozenset[str]:
    """``extra_fields`` are names, or mappings of a name to an output; ``extra_output`` is an output."""
    named = _named_in(str(extra.get("extra_output", "")))
    for each in extra.get("extra_fields") or ():
        named |= frozenset(each) if isinstance(each, dict) else frozenset({str(each)})
    return named


def takes_suggested(rule: FalcoRule) -> bool:
    """Whether its alerts get what the container plugin suggests, where falco.yaml says so."""
    return rule.source == _SYSCALL


def _suggested(extra: dict[str, Any], rule: FalcoRule) -> frozenset[str]:
    wanted = _is_true(extra.get("suggested_output")) and takes_suggested(rule)
    return SUGGESTED if wanted else frozenset()


def _matches(wanted: object, rule: FalcoRule) -> bool:
    if not isinstance(wanted, dict):
        return True
    source, name, tags = wanted.get("source"), wanted.get("rule"), list(_texts(wanted.get("tags")))
    return source in {None, rule.source} and name in {None, rule.name} and set(tags) <= set(rule.tags)
