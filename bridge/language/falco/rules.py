"""Reads Falco's rules files: lists, macros and rules with their output fields, with Falco's append and override."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import yaml

from bridge.alert import Priority, parse_priority
from bridge.common.files.yaml_aliases import repeats_too_much
from bridge.common.files.yaml_errors import YamlProblem, explain_yaml
from bridge.language.diagnostics.source import SourceText
from bridge.language.falco.embedded import Embedded, is_settings, opened
from bridge.language.program.fields.transformers import NAMES
from bridge.language.program.template import parse_template

_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
"""Loads every scalar as text: ``yes``, ``0755`` and ``1.10`` are items of lists."""
_TRUE = frozenset({"true", "yes", "on", "y"})
"""The spellings of true in Falco's YAML reader, in lower case."""
_SYSCALL = "syscall"
SUGGESTED_FIELDS = frozenset(
    (
        "container.id",
        "container.name",
        "container.image.repository",
        "container.image.tag",
        "k8s.ns.name",
        "k8s.pod.name",
    )
)
"""The fields that ``suggested_output: true`` appends to system call alerts (container plugin, Falco 0.41 and later)."""
_CONTAINER_INFO = "container.info"
"""A placeholder in older rules that Falco replaces with container fields."""
_CALL = re.compile(r"%[0-9]{0,4}(?:" + "|".join(NAMES) + r")\(")
_MAX_CALL = 2000
_FIELD = re.compile(r"[a-zA-Z]\w*(?:\.[a-zA-Z][\w-]*)+(?:\[[^\]\n]{1,200}\])?")


@dataclass(frozen=True, slots=True)
class FalcoRule:
    """The properties of the alerts that a rule raises."""

    name: str
    source: str
    priority: Priority
    tags: tuple[str, ...]
    fields: frozenset[str]
    """The output fields of its alerts: those in ``output`` and those that ``append_output`` adds."""
    output: str = ""
    """The template of the text line, including additions by ``append_output``."""


@dataclass(frozen=True, slots=True)
class FalcoRules:
    """The definitions of one or several files."""

    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    macros: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, FalcoRule] = field(default_factory=dict)
    sources: tuple[SourceText, ...] = ()
    """The files, in order."""
    configured: bool = False
    """Whether one of the files is a falco.yaml."""


_ENTRIES = frozenset({"rule", "list", "macro", "required_engine_version", "required_plugin_versions"})
"""Keys by which an entry of a rules file is recognized."""
_DEFINITION = re.compile(r"^- +(?:rule|list|macro): ", re.MULTILINE)


@dataclass(slots=True)
class _Draft:
    """Definitions while files are read in order: later files append to earlier definitions or replace them."""

    lists: dict[str, list[str]] = field(default_factory=dict)
    macros: dict[str, str] = field(default_factory=dict)
    rules: dict[str, dict[str, Any]] = field(default_factory=dict)
    extra: list[dict[str, Any]] = field(default_factory=list)
    configured: bool = False


@lru_cache(maxsize=4)
def read_rules(sources: tuple[SourceText, ...]) -> FalcoRules | str:
    """The definitions of rules files, read in order. A falco.yaml among them contributes its ``append_output``.

    Rules and falco.yaml are also read out of Helm values, ConfigMaps and the objects of Falco's operator.
    Returns an error message if a file is invalid. The last results are stored: editors ask at every change.
    """
    draft = _Draft()
    for source in sources:
        if problem := _read(draft, source):
            return f"{source.path} {problem}"
    return replace(_finished(draft), sources=sources)


def _read(draft: _Draft, source: SourceText) -> str:
    """Add the definitions of a file. Returns what is wrong with it; empty if nothing is."""
    documents = _documents(source.text)
    if isinstance(documents, YamlProblem):
        return _not_yaml(documents, documents.line)
    found, lacking = False, ""
    for document in documents:
        envelope = opened(document)
        if envelope is None:
            if not _accepts(draft, document):
                return "is not a rules file: it contains no list of rules"
            found = found or bool(document)
            continue
        lacking = envelope.what
        for part in envelope.parts:
            inside = _documents(part.content) if isinstance(part.content, str) else [part.content]
            if isinstance(inside, YamlProblem):
                return f"has `{part.name}`, which {_not_yaml(inside, _line_within(source.text, part, inside.line))}"
            for each in inside:
                found |= (isinstance(each, list) or is_settings(each)) and _accepts(draft, each)
    return "" if found else lacking


def _documents(text: str) -> list[Any] | YamlProblem:
    try:
        documents = list(yaml.load_all(text, Loader=_LOADER))  # the base loader constructs only text
        if repeats_too_much(documents):
            return YamlProblem("its aliases (`*`) stand for too many values", "", 0, 0, 0)
    except (yaml.YAMLError, RecursionError) as error:
        return explain_yaml(error, text)
    return documents


def _not_yaml(problem: YamlProblem, number: int) -> str:
    line = f", line {number}" if number else ""
    remedy = f"; {problem.hint}" if problem.hint else ""
    return f"is not YAML{line}: {problem.message}{remedy}"


def _line_within(text: str, part: Embedded, number: int) -> int:
    """The line of the whole file for a line of a text in it; 0 if it is not found."""
    inner, lines = str(part.content).split("\n"), [line.strip() for line in text.split("\n")]
    wanted = inner[number - 1].strip() if 0 < number <= len(inner) else ""
    begin = next((at for at, line in enumerate(lines) if line.strip("'\"").startswith(part.name)), 0)
    return next((at + 1 for at in range(begin, len(lines)) if wanted and lines[at] == wanted), 0)


def read_together(several: Sequence[FalcoRules], more: Sequence[SourceText] = ()) -> FalcoRules | str:
    """All files of ``several`` and ``more``, each once, read together so that appends find their definitions."""
    before = [source for rules in several for source in rules.sources]
    sources = tuple({source.path: source for source in (*before, *more)}.values())
    same = next((rules for rules in several if rules.sources == sources), None)
    return read_rules(sources) if same is None else same


def nothing_in(source: SourceText) -> str:
    """Why a file that can be read has nothing of Falco's, as the rest of the sentence ``FILE …``. Empty if it has."""
    if all(line.partition("#")[0].strip() in ("", "---", "[]", "...") for line in source.text.splitlines()):
        return "is empty"
    if _DEFINITION.search(source.text):  # most files, and much faster than reading them again
        return ""
    documents = _documents(source.text)
    if isinstance(documents, YamlProblem) or any(map(_has_definitions, documents)):
        return ""
    return "contains no rule, list or macro of Falco and is not a falco.yaml"


def _has_definitions(document: object) -> bool:
    if isinstance(document, dict):
        return opened(document) is not None or is_settings(document)
    if isinstance(document, list):
        return any(not _ENTRIES.isdisjoint(each) for each in _mappings(document))
    return bool(document)  # a text, which is an error of its own


def _mappings(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _accepts(draft: _Draft, document: object) -> bool:
    """Add a YAML document: rules, a falco.yaml or nothing. False for anything else."""
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
    """The items, with nested lists flattened, as in Falco."""
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
        fields = _extra_fields(extra)
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
        _fields_in(output if isinstance(output, str) else ""),
        output.strip() if isinstance(output, str) else "",
    )


def _fields_in(output: str) -> frozenset[str]:
    """The fields of an output, including arguments of transformers: ``%join("/", (proc.pname, proc.name))`` has two."""
    named = {slot.name for slot in parse_template(output).slots} - set(NAMES)
    for call in _CALL.finditer(output):
        named.update(_FIELD.findall(_enclosed(output, call.end())))
    return frozenset(named - {_CONTAINER_INFO}) | (SUGGESTED_FIELDS if _CONTAINER_INFO in named else frozenset())


def _enclosed(text: str, start: int) -> str:
    """The text from ``start``, just after an opening parenthesis, to the closing one."""
    depth = 1
    for at in range(start, min(len(text), start + _MAX_CALL)):
        depth += (text[at] == "(") - (text[at] == ")")
        if not depth:
            return text[start:at]
    return ""


def _extra_fields(extra: dict[str, Any]) -> frozenset[str]:
    """The fields of an ``append_output`` entry: ``extra_fields`` (names or mappings), ``extra_output`` (an output)."""
    named = _fields_in(str(extra.get("extra_output", "")))
    for each in extra.get("extra_fields") or ():
        named |= frozenset(each) if isinstance(each, dict) else frozenset({str(each)})
    return named


def supports_suggested(rule: FalcoRule) -> bool:
    """Whether ``suggested_output`` applies to the rule's alerts."""
    return rule.source == _SYSCALL


def _suggested(extra: dict[str, Any], rule: FalcoRule) -> frozenset[str]:
    wanted = _is_true(extra.get("suggested_output")) and supports_suggested(rule)
    return SUGGESTED_FIELDS if wanted else frozenset()


def _matches(wanted: object, rule: FalcoRule) -> bool:
    if not isinstance(wanted, dict):
        return True
    source, name, tags = wanted.get("source"), wanted.get("rule"), list(_texts(wanted.get("tags")))
    return source in {None, rule.source} and name in {None, rule.name} and set(tags) <= set(rule.tags)
