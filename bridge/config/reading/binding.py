"""From the nodes of a config to the values that the schema declares. Every error is noted with its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import yaml

from bridge.common.suggest import did_you_mean, nearest
from bridge.config.body.template import BodyReader, BodyText, InvalidBodyError
from bridge.config.reading.document import Document, Place
from bridge.config.reading.hints import (
    home_of,
    is_route,
    list_hint,
    mapping_hint,
    other_file,
    typed,
    valid_name,
)
from bridge.config.reading.plain_values import parse_plain
from bridge.config.reading.references import References
from bridge.config.reading.scalars import FAILED, ScalarReader
from bridge.config.schema.invalid_value import InvalidValueError
from bridge.config.schema.keys import NODEFAULT, Key, Section, item_of, keys_of, sections_of, value_of
from bridge.config.schema.other_names import advice_on, meant_key
from bridge.config.schema.parsing import VALUES
from bridge.config.schema.values import BodyTemplate
from bridge.language.diagnostics.diagnostic import Code, Diagnostic
from bridge.language.diagnostics.source import Span

_ROUTE_TEXT = re.compile(r"(?:\s|#[^\n]*\n)*(?:route|where|otherwise|macro|list|import|schedule|test)\s+[\"'{\w]")


class Binder:
    """Binds one document. ``with_secrets`` False leaves secret values empty and unchecked.

    With ``check_plain_secrets`` that applies to those with a reference only.
    """

    def __init__(
        self,
        document: Document,
        environ: Mapping[str, str],
        *,
        with_secrets: bool = True,
        check_plain_secrets: bool = False,
    ) -> None:
        self.document = document
        self.diagnostics: list[Diagnostic] = []
        self.references = References(document.folder, environ)
        self.spans: dict[Place, Span] = {}
        """The place in the text of each value that was read."""
        self._suggested: set[Place] = set()
        """The keys that a misspelt key probably means."""
        self.positions: dict[Place, list[int]] = {}
        """For each list, the positions in the text of the items that were read."""
        self.empty: set[Place] = set()
        """The lists without an item."""
        self.body_texts: dict[Place, tuple[BodyText, ...]] = {}
        """What the bodies of channels refer to, by the place of the body."""
        self._with_secrets = with_secrets
        self._scalars = ScalarReader(
            document, self.references, self._note, with_secrets=with_secrets, check_plain_secrets=check_plain_secrets
        )
        self.warnings = self._scalars.warnings
        self.referring = self._scalars.referring
        """The values that contain a ``${…}``."""

    def root(self, section: type[Section], only: tuple[str, ...] = ()) -> dict[str, Any]:
        """The values of the root's keys, those with errors left out. ``only`` names the keys that are of interest."""
        node = self.document.root
        assert node is not None
        self.spans[()] = self.document.span(node)
        keys = keys_of(section)
        if only:
            keys = tuple(key for key in keys if key.name in only)
        entries = self._entries(node, section.noun, keys, (), strict=not only)
        if not isinstance(node, yaml.MappingNode):
            self._suggested.update((key.name,) for key in keys)
            return {}
        values = {key.name: self._keyed(key, entries, node, section, ()) for key in keys}
        return {name: value for name, value in values.items() if value is not FAILED}

    def error(self, code: Code, place: Place, message: str, hint: str = "") -> None:
        """Note an error at a value, or at the closest key that encloses it."""
        while place not in self.spans:
            place = place[:-1]
        self._note(code, self.spans[place], message, hint)

    def is_mentioned(self, place: Place) -> bool:
        """Whether the config has a value there, with or without errors, or a misspelt key that probably means it."""
        return place in self.spans or place in self._suggested

    # Sections

    def _section(self, section: type[Section], node: yaml.Node, place: Place, noun: str = "") -> Any:
        noun = noun or section.noun
        keys = keys_of(section)
        if section.shorthand and not isinstance(node, yaml.MappingNode):
            name = section.shorthand_of(node.value if isinstance(node, yaml.ScalarNode) else "")
            key = next(key for key in keys if key.name == name)
            written = replace(key, name=str(place[-1])) if len(place) == 1 else key  # the name that the file has
            value = self._value(key.type, node, written, (*place, name))
            return FAILED if value is FAILED else section(**{name: value})
        if not isinstance(node, yaml.MappingNode):
            self._wrong_shape(node, f"{noun} must be a mapping", f"write {{{_first_entry(node, keys, self.document)}}}")
            return FAILED
        if is_route(node, section.noun):
            hint = "write the routes in a .route file, such as [common.route, teams/*.route]"
            self._wrong_shape(node, "`routes` names files", hint)
            return FAILED
        entries = self._entries(node, noun, keys, place)
        values = {key.name: self._keyed(key, entries, node, section, place) for key in keys}
        if section.one_of and not any(name in entries or (*place, name) in self._suggested for name in section.one_of):
            first = next(key for key in keys if key.name == section.one_of[0])
            self._missing(first, section, node)
            return FAILED
        return FAILED if FAILED in values.values() else section(**values)

    def _keyed(self, key: Key, entries: dict[str, yaml.Node], node: yaml.Node, section: type[Section], place: Place
               ) -> Any:  # fmt: skip
        """The value of a key; the default where it is missing, or where it is optional and has an error."""
        if key.name in entries:
            value = self._value(key.type, entries[key.name], key, (*place, key.name))
            return key.default if value is FAILED and not key.required else value
        if key.default is NODEFAULT and (*place, key.name) in self._suggested:
            return FAILED  # reported as a misspelt key
        if key.default is NODEFAULT:
            self._missing(key, section, node)
            return FAILED
        return key.default

    def _missing(self, key: Key, section: type[Section], node: yaml.Node) -> None:
        hint = f"add `{key.name}`, such as {key.name}: {key.example}"
        self._note(Code.MISSING_KEY, self.document.span(node), f"{section.noun} has no `{key.name}`", hint)

    def _entries(self, node: yaml.Node, noun: str, keys: tuple[Key, ...], place: Place, *, strict: bool = True
                 ) -> dict[str, yaml.Node]:  # fmt: skip
        """The values by key; unknown keys are errors where it is strict."""
        known = [key.name for key in keys]
        if not isinstance(node, yaml.MappingNode):
            if not place and _ROUTE_TEXT.match(self.document.text):
                hint = "name it in the config with `routes`, and give --config the config"
                self._wrong_shape(node, "this is a .route file, not a config", hint)
            else:
                self._wrong_shape(node, f"{noun} must be a mapping", f"start with {known[0]}: {keys[0].example}")
            return {}
        if not place and strict and (hint := other_file([str(each.value) for each, _ in node.value])):
            self._wrong_shape(node, "this is not a config of falco-bridge", hint)
            self._suggested.update((name,) for name in known)
            return {}
        entries: dict[str, yaml.Node] = {}
        empty = ""
        for name, key_node, value in self._pairs(node, noun, place):
            if name in known:
                entries[name] = value
                empty = name if value.tag.endswith(":null") else ""
            elif strict:
                hint = self._unknown_hint(name, known, place, empty)
                self.document.show(key_node)
                self._note(Code.UNKNOWN_KEY, self.document.span(key_node), f"unknown key `{name}` in {noun}", hint)
        return entries

    def _unknown_hint(self, name: str, known: list[str], place: Place, empty: str) -> str:
        """What to do about an unknown key. ``empty`` is the key without a value that precedes it."""
        found = nearest(name, known) or meant_key(name, known)
        if found is not None:
            self._suggested.add((*place, found))
            return f"did you mean `{found}`?"
        if empty:
            return f"indent it below `{empty}`"
        home = home_of(name)
        if place and home == "":
            return f"`{name}` is a section of its own: indent it less"
        if not place and home:
            *outer, _ = [*home.split("."), ""]
            return f"`{name}` belongs in `{home}`: {': {'.join(outer)}: {{{name}: …}}{'}' * (len(outer) - 1)}"
        return advice_on(name) or f"known keys: {', '.join(known)}"

    def _pairs(self, node: yaml.MappingNode, noun: str, place: Place) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
        """Each key with its node and its value's; a repeated one is an error."""
        self.spans.setdefault(place, self.document.span(node))
        seen: set[str] = set()
        for key_node, value in node.value:
            name = key_node.value if isinstance(key_node, yaml.ScalarNode) else ""
            if not name:
                self._wrong_shape(key_node, f"a key of {noun} must be a name", "write NAME: VALUE")
            elif name in seen:
                self.document.show(key_node)
                self._note(Code.REPEATED_KEY, self.document.span(key_node), f"`{name}` is given twice", "keep one")
            else:
                seen.add(name)
                self.document.show(key_node)
                self.spans[*place, name] = self.document.span(value)
                yield name, key_node, value

    def _one_of(self, sections: tuple[type[Section], ...], node: yaml.Node, place: Place) -> Any:
        """The section whose first key the mapping has."""
        kinds = {keys_of(section)[0].name: section for section in sections}
        names = [each.value for each, _ in node.value] if isinstance(node, yaml.MappingNode) else []
        given = [kind for kind in kinds if kind in names]
        if len(given) == 1:
            return self._section(kinds[given[0]], node, place)
        self.spans[place] = self.document.span(node)
        if given:
            message = f"a source cannot be {' and '.join(given)} at once"
            self._note(Code.CONFLICT, self.spans[place], message, "make it several sources")
        elif isinstance(node, yaml.ScalarNode) and node.value in kinds:
            example = keys_of(kinds[node.value])[0].example
            hint = f"write `- {node.value}: {example}`"
            self._note(Code.MISSING_KEY, self.spans[place], f"the source `{node.value}` has no value", hint)
        elif (kind := typed(node, kinds)) is not None:
            hint = f"write `- {kind}: {keys_of(kinds[kind])[0].example}`: the kind is the key"
            self._note(Code.MISSING_KEY, self.spans[place], "a source has no kind", hint)
        elif not self._misspelt(kinds, node):
            self._note(Code.MISSING_KEY, self.spans[place], "a source has no kind", f"add one of {', '.join(kinds)}")
        return FAILED

    def _misspelt(self, kinds: Iterable[str], node: yaml.Node) -> bool:
        """Whether a key of a source without a kind is nearly one. It is then noted."""
        for each, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            name = each.value if isinstance(each, yaml.ScalarNode) else ""
            if hint := did_you_mean(name, kinds):
                self.document.show(each)
                self._note(Code.UNKNOWN_KEY, self.document.span(each), f"unknown key `{name}` in a source", hint)
                return True
        return False

    # Values

    def _value(self, declared: Any, node: yaml.Node, key: Key, place: Place) -> Any:
        self.spans[place] = self.document.span(node)
        if declared is BodyTemplate:
            return self._body(node, place)
        if (item := item_of(declared)) is not None:
            return self._list(item, node, key, place)
        if (value := value_of(declared)) is not None:
            return self._mapping(value, node, key, place)
        sections = sections_of(declared)
        if len(sections) > 1:
            return self._one_of(sections, node, place)
        if sections:
            return self._section(sections[0], node, place)
        return self._scalars.read(declared, node, key, place)

    def _list(self, item: Any, node: yaml.Node, key: Key, place: Place) -> Any:
        if isinstance(node, yaml.SequenceNode):
            nodes = node.value
        elif key.single:
            nodes = [node]
        else:
            if isinstance(node, yaml.ScalarNode) and not sections_of(item) and not node.tag.endswith(":null"):
                self.document.show(node)
            self._wrong_shape(node, f"`{key.name}` must be a list", list_hint(node, item))
            return FAILED
        if not nodes and key.default is NODEFAULT:
            self._note(Code.MISSING_KEY, self.document.span(node), f"`{key.name}` is empty", f"such as {key.example}")
            return FAILED
        if not nodes:
            self.empty.add(place)
        flat = item in VALUES and VALUES[item].flat
        values: list[Any] = []
        self.positions[place] = positions = []
        for at, each in enumerate(nodes):
            value = self._value(item, each, key, (*place, at))
            if value is not FAILED:
                values += value if flat else [value]
                positions.append(at)
        return tuple(dict.fromkeys(values)) if flat else tuple(values)

    def _mapping(self, declared: Any, node: yaml.Node, key: Key, place: Place) -> Any:
        if not isinstance(node, yaml.MappingNode):
            self._wrong_shape(node, f"`{key.name}` must be a mapping of names to values", mapping_hint(node, key))
            return FAILED
        values: dict[str, Any] = {}
        options = {each.name for part in sections_of(declared) for each in keys_of(part)}
        for name, key_node, value in self._pairs(node, f"`{key.name}`", place):
            if name in options and isinstance(value, yaml.ScalarNode) and "://" not in value.value:
                owner = next((str(each) for each in values), "NAME")
                hint = f"write it with the channel: {owner}: {{url: …, {name}: …}}"
                self._note(
                    Code.INVALID_NAME, self.document.span(key_node), f"`{name}` is an option, not a channel", hint
                )
                continue
            if name in key.reserved:
                self._note(Code.INVALID_NAME, self.document.span(key_node), f"`{name}` is a word of the language",
                           "choose another name")  # fmt: skip
            elif not re.fullmatch(key.names, name):
                self._note(Code.INVALID_NAME, self.document.span(key_node), f"invalid name `{name}`",
                           f"write `{valid_name(name, key.names)}`: letters, digits, `_` and `-`")  # fmt: skip
            bound = self._value(declared, value, key, (*place, name))
            if bound is not FAILED:
                values[name] = bound
        return values

    def _body(self, node: yaml.Node, place: Place) -> Any:
        reader = BodyReader(self.document, self.references, self._note, with_secrets=self._with_secrets)
        try:
            return reader.read(node)
        except InvalidBodyError:
            return FAILED
        finally:
            self.body_texts[place] = tuple(reader.texts)

    def _wrong_shape(self, node: yaml.Node, message: str, hint: str) -> None:
        self._note(Code.WRONG_SHAPE, self.document.span(node), message, hint)

    def _note(self, code: Code, span: Span, message: str, hint: str) -> None:
        self.diagnostics.append(Diagnostic(code, message, span, hint))


def _first_entry(node: yaml.Node, keys: tuple[Key, ...], document: Document) -> str:
    """The first key with what was written in place of the mapping, if that is a value of the key; else its example."""
    key = keys[0]
    if isinstance(node, yaml.ScalarNode) and sections_of(key.type) == () and item_of(key.type) is None:
        try:
            parse_plain(key.type, node.value, key, document.folder)
        except InvalidValueError:
            pass  # what was written is no value of the key: its example is shown
        else:
            document.show(node)
            return f"{key.name}: {node.value}"
    return f"{key.name}: {key.example}"
