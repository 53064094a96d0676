"""Builds the syntax tree of a file from Lark's tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lark import Token

from bridge.language.diagnostics.source import Span
from bridge.language.syntax import tree as syntax
from bridge.language.syntax.condition_builder import ConditionBuilder
from bridge.language.syntax.escapes import unquote_regex

_PERIOD_TERMINALS = ("DAYS", "DATES", "HOURS")


class TreeBuilder(ConditionBuilder):
    """Adds statements, clauses and tests to the builder of conditions."""

    # Statements

    def file(self, children: list[Any]) -> syntax.File:
        """All statements."""
        return syntax.File(tuple(children))

    def import_file(self, children: list[Any]) -> syntax.Import:
        """``import "file.route"``."""
        return syntax.Import(self._word(children[-1]), children[-2].type == "FALCO", self._whole(children))

    import_falco = import_file

    def list_statement(self, children: list[Any]) -> syntax.ListStatement:
        """``list NAME = items``."""
        self._unfinished.clear()  # items of lists are not parsed by Falco and may end with a backslash
        return syntax.ListStatement(self._word(children[1]), children[3], appends=False, span=self._whole(children))

    def append(self, children: list[Any]) -> syntax.ListStatement:
        """``list NAME += items``."""
        self._unfinished.clear()
        return syntax.ListStatement(self._word(children[1]), children[3], appends=True, span=self._whole(children))

    def macro(self, children: list[Any]) -> syntax.MacroStatement:
        """``macro NAME = condition``."""
        return syntax.MacroStatement(self._word(children[1]), children[3], self._whole(children))

    def schedule(self, children: list[Any]) -> syntax.ScheduleStatement:
        """``schedule NAME = periods in "zone"``."""
        zone = self._word(children[-1]) if children[-1].type == "STRING" else None
        tokens = [child for child in children[3:] if child.type in _PERIOD_TERMINALS]
        return syntax.ScheduleStatement(self._word(children[1]), self._periods(tokens), zone, self._whole(children))

    def _periods(self, tokens: Sequence[Token]) -> tuple[syntax.PeriodWords, ...]:
        """Group days, dates and hours into periods. A day or date after hours starts the next period."""
        parts: list[dict[str, list[syntax.Word]]] = []
        for token in tokens:
            if not parts or (token.type != "HOURS" and parts[-1]["HOURS"]):
                parts.append({kind: [] for kind in _PERIOD_TERMINALS})
            parts[-1][token.type].append(self._word(token))
        return tuple(syntax.PeriodWords(*(tuple(part[kind]) for kind in _PERIOD_TERMINALS)) for part in parts)

    def template(self, children: list[Any]) -> syntax.TemplateStatement:
        """``template NAME { title message }``."""
        return syntax.TemplateStatement(self._word(children[1]), tuple(children[3:-1]), self._whole(children))

    def redact(self, children: list[Any]) -> syntax.RedactStatement:
        """``redact keys matching "re2" with "***"``."""
        replacement = self._word(children[5]) if len(children) > 5 else None
        pattern = syntax.Word(unquote_regex(str(children[3])), quoted=True, span=self._span(children[3]))
        return syntax.RedactStatement(children[1], pattern, replacement, self._whole(children))

    def table(self, children: list[Any]) -> syntax.TableStatement:
        """``table NAME = "file.csv" by keys``."""
        name, path, keys = children[1], children[3], children[5]
        span = self._whole([*children[:5], keys[-1]])
        return syntax.TableStatement(self._word(name), self._word(path), keys, span)

    def where(self, children: list[Any]) -> syntax.WhereStatement:
        """``where condition { routes }``."""
        return syntax.WhereStatement(children[1], tuple(children[3:-1]), self._whole(children))

    def route(self, children: list[Any]) -> syntax.RouteStatement:
        """``route "name" { clauses }``."""
        name = self._word(children[1])
        head = self._across(children[0], children[1])
        return syntax.RouteStatement(name, tuple(children[3:-1]), head, self._whole(children))

    def otherwise(self, children: list[Any]) -> syntax.RouteStatement:
        """``otherwise { clauses }``."""
        return syntax.RouteStatement(None, tuple(children[2:-1]), self._span(children[0]), self._whole(children))

    # Clauses

    def when(self, children: list[Any]) -> syntax.WhenClause:
        """``when condition``."""
        return syntax.WhenClause(children[1], self._whole(children))

    def during(self, children: list[Any]) -> syntax.DuringClause:
        """``during schedule``, ``not during schedule``."""
        return syntax.DuringClause(self._word(children[-1]), len(children) == 3, self._whole(children))

    def new(self, children: list[Any]) -> syntax.WindowedClause:
        """``new keys in window by keys learn window``."""
        options = self._options(children[4:])
        return self._windowed(children, fields=children[1], window=self._word(children[3]), **options)

    def after(self, children: list[Any]) -> syntax.WindowedClause:
        """``after N distinct field in window by keys``."""
        field = children[3] if children[2].type == "DISTINCT" else None
        rest = children[4 if field is not None else 2 :]
        options = self._options(rest[2:])
        return self._windowed(
            children, count=self._word(children[1]), distinct=field, window=self._word(rest[1]), **options
        )

    def unless(self, children: list[Any]) -> syntax.WindowedClause:
        """``unless condition within window by pairs wait window``."""
        _, condition, _, window, _, pairs, *rest = children
        options = self._options(rest)
        return self._windowed(children, condition=condition, window=self._word(window), pairs=pairs, **options)

    def with_join(self, children: list[Any]) -> syntax.WindowedClause:
        """``with name = condition within window by pairs wait window``."""
        _, name, _, condition, _, window, _, pairs, *rest = children
        options = self._options(rest)
        return self._windowed(
            children, name=self._word(name), condition=condition, window=self._word(window), pairs=pairs, **options
        )

    def then(self, children: list[Any]) -> syntax.WindowedClause:
        """``then not condition within window by pairs``."""
        keyword, condition, _, window, _, pairs = children
        negated = keyword.type == "THEN_NOT"
        return self._windowed(children, negated=negated, condition=condition, window=self._word(window), pairs=pairs)

    def absent(self, children: list[Any]) -> syntax.WindowedClause:
        """``absent window by keys``."""
        return self._windowed(children, window=self._word(children[1]), by=children[3])

    def group_by(self, children: list[Any]) -> syntax.WindowedClause:
        """``group by keys wait window every window limit N``."""
        return self._windowed(children, **self._options(children[1:]))

    def throttle(self, children: list[Any]) -> syntax.WindowedClause:
        """``throttle N per window by keys``."""
        options = self._options(children[4:])
        return self._windowed(children, count=self._word(children[1]), window=self._word(children[3]), **options)

    def resolve(self, children: list[Any]) -> syntax.WindowedClause:
        """``resolve after window``."""
        return self._windowed(children, window=self._word(children[2]))

    def _windowed(self, children: list[Any], **parts: Any) -> syntax.WindowedClause:
        spanned = [
            child if isinstance(child, Token) or not isinstance(child, tuple) else child[-1] for child in children
        ]
        return syntax.WindowedClause(children[0].split()[0], self._whole(spanned), **parts)

    def _options(self, pairs: Sequence[Any]) -> dict[str, Any]:
        """The optional parts of a clause: ``by keys``, ``wait 5m``."""
        options: dict[str, Any] = {}
        for word, value in zip(pairs[::2], pairs[1::2], strict=True):
            name = "count" if word.type == "LIMIT" else str(word)
            options[name] = value if isinstance(value, tuple) else self._word(value)
        return options

    def to(self, children: list[Any]) -> syntax.ToClause:
        """``to a, b else c after window``."""
        after = self._word(children[-1]) if children[-1].type == "DURATION" else None
        types = [child.type for child in children]
        split = types.index("ELSE") if "ELSE" in types else len(children)
        otherwise = self._named_channels(children[split:])
        return syntax.ToClause(self._named_channels(children[:split]), after, self._whole(children), otherwise)

    def fields(self, children: list[Any]) -> syntax.FieldsClause:
        """``fields f, g``."""
        names = tuple(child for child in children if isinstance(child, syntax.FieldName))
        return syntax.FieldsClause(names, self._whole(children))

    def step_field(self, children: list[Any]) -> syntax.FieldName:
        """``2.proc.name``: a field of the second step."""
        return syntax.FieldName(str(children[0]), self._span(children[0]))

    def link(self, children: list[Any]) -> syntax.LinkClause:
        """``link "name" "url"``, ``link "name" table.column``."""
        url = children[2] if isinstance(children[2], syntax.FieldName) else self._word(children[2])
        return syntax.LinkClause(self._word(children[1]), url, self._whole(children))

    def _named_channels(self, children: list[Any]) -> tuple[syntax.Word, ...]:
        return tuple(self._word(child) for child in children if child.type == "CHANNEL")

    def _value_clause(self, children: list[Any]) -> syntax.ValueClause:
        return syntax.ValueClause(str(children[0]), self._word(children[1]), self._whole(children))

    severity = title = message = use = _value_clause

    def _flag(self, children: list[Any]) -> syntax.FlagClause:
        return syntax.FlagClause(str(children[0]), self._span(children[0]))

    drop = stop = _flag

    def keys(self, children: list[Any]) -> tuple[syntax.FieldName, ...]:
        """``a, b``."""
        return tuple(children[::2])

    def pairs(self, children: list[Any]) -> tuple[syntax.KeyPair, ...]:
        """``a, b = c``."""
        return tuple(children[::2])

    def pair(self, children: list[Any]) -> syntax.KeyPair:
        """``b = c``."""
        return syntax.KeyPair(children[0], children[2] if len(children) > 1 else None, self._whole(children))

    # Tests

    def test(self, children: list[Any]) -> syntax.TestStatement:
        """``test "name" { steps }``."""
        return syntax.TestStatement(self._word(children[1]), tuple(children[3:-1]), self._whole(children))

    def event(self, children: list[Any]) -> syntax.EventStep:
        """``event { assignments }``."""
        return syntax.EventStep(tuple(children[2:-1]), self._whole(children))

    def assignment(self, children: list[Any]) -> syntax.Assignment:
        """``field = value``."""
        return syntax.Assignment(children[0], children[2], self._whole(children))

    def pass_time(self, children: list[Any]) -> syntax.PassStep:
        """``after 15m``."""
        return syntax.PassStep(self._word(children[1]), self._whole(children))

    def ack(self, children: list[Any]) -> syntax.AckStep:
        """``ack "route"``."""
        return syntax.AckStep(self._word(children[1]), self._whole(children))

    def resolve_step(self, children: list[Any]) -> syntax.ResolveStep:
        """``resolve "route"``."""
        return syntax.ResolveStep(self._word(children[1]), self._whole(children))

    def silence(self, children: list[Any]) -> syntax.SilenceStep:
        """``silence condition for window``."""
        return syntax.SilenceStep(children[1], self._word(children[3]), self._whole(children))

    def expect(self, children: list[Any]) -> syntax.ExpectStep:
        """``expect not "route" to a count N message contains "s"``."""
        tokens = [child for child in children if isinstance(child, Token)]
        parts = dict(child for child in children if not isinstance(child, Token))
        ends = [self._span(tokens[-1]), *(value[-1].span for value in parts.values())]
        start = self._span(tokens[0])
        return syntax.ExpectStep(
            self._word(tokens[-1]),
            len(tokens) == 3,
            parts.get("to", ()),
            next(iter(parts.get("count", ())), None),
            next(iter(parts.get("message", ())), None),
            self._made(Span(start.path, start.start, max(end.end for end in ends), start.line, start.column)),
        )

    def expect_to(self, children: list[Any]) -> tuple[str, tuple[syntax.Word, ...]]:
        """``to a, b``."""
        return "to", self._named_channels(children)

    def expect_count(self, children: list[Any]) -> tuple[str, tuple[syntax.Word, ...]]:
        """``count N``."""
        return "count", (self._word(children[1]),)

    def expect_message(self, children: list[Any]) -> tuple[str, tuple[syntax.Word, ...]]:
        """``message contains "s"``."""
        return "message", (self._word(children[2]),)

    def expect_nothing(self, children: list[Any]) -> syntax.ExpectStep:
        """``expect nothing``."""
        return syntax.ExpectStep(None, False, (), None, None, self._whole(children))
