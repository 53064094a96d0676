"""One column of the index: for each value, the alternatives that it does not rule out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bridge.alert import Alert, Priority
from bridge.alert.alert import is_clock_field
from bridge.language.program.condition import Call, Compare, Exists, Field, Kind, Literal, Operand, Operator
from bridge.language.program.kinds import ATTRIBUTES, ORDERING
from bridge.language.program.transformers import kind_of
from bridge.matching.index.atom import WORTH_KEEPING, Atom, WakeNeeded, mask_of
from bridge.matching.index.family import family
from bridge.matching.index.memo import OF_AN_ENTRY, Memo, size_of
from bridge.matching.index.tables import Tables
from bridge.matching.normal import Key, Term, fields_in
from bridge.matching.values import PARSERS, read_operand, read_text

MEMO_BYTES = 16 << 20
"""What all columns together may remember of values and masks."""
_LONGEST_REMEMBERED = 1024
"""Bytes. Longer values are worked out each time: they hardly ever come again."""
_PARSERS: Mapping[Kind, Callable[[Any], Any]] = {**PARSERS, Kind.PRIORITY: Priority}
_NO_ATTRIBUTE = (None, "", ())
"""What an attribute without a value is; an output field's empty text is worked out like any other."""
_RAREST_FIRST = (
    Operator.EQ,
    Operator.IN,
    Operator.GLOB,
    Operator.IGLOB,
    Operator.REGEX,
    Operator.CONTAINS,
    Operator.ICONTAINS,
    Operator.BCONTAINS,
    Operator.ENDSWITH,
    Operator.STARTSWITH,
    Operator.BSTARTSWITH,
    Operator.INTERSECTS,
    Operator.PMATCH,
    *(operator for operator in Operator if operator in ORDERING),
    Operator.NE,
)
_PRESENT: Key = ("present",)
_PARSED: Key = ("parsed",)


class Column(Memo[Any, int]):
    """The comparisons that all routes make over one operand: a mapping of values to masks that fills itself."""

    def __init__(self, operand: Operand, labels: Mapping[str, str]) -> None:
        super().__init__(0)
        source = _source(operand)
        self.place = _place(source)
        """The output field or attribute that holds the value; empty where ``read`` must find it."""
        self.read = _reader(source, labels)
        self.leading = bool(family(self.place))
        """Whether every alert is asked for it, so that what first holds here can wake who sleeps for it."""
        self.asked = 0
        """How many comparisons the routes make of it."""
        field = operand if isinstance(operand, Field) else None
        self._nothing = _NO_ATTRIBUTE if field is not None and field.name in ATTRIBUTES else (None,)
        self._parse = _PARSERS.get(field.kind) if field is not None else _applied(operand, source)
        self._present_where_parsed = field is None
        self._atoms: dict[Key, Atom] = {}
        self._present: Atom | None = None
        self._parsed: Atom | None = None
        self._asking: list[int] = []
        self._closed = 0
        self._kind = kind_of(operand)
        self._tables = Tables(self._kind)
        self._sealed = False
        self._free = 0
        self._masks: dict[int, int] = {}

    def ask(self, term: Term, wanted: list[Atom], unwanted: list[Atom]) -> None:
        """Add to the lists what must hold of the value, and what may not, for this term of an alternative."""
        self.asked += 1
        if isinstance(term.test, Exists):
            (unwanted if term.negated else wanted).append(self._atom(_PRESENT, None))
        elif _is_unequal(term.test) and not term.negated:
            wanted.append(self._atom(_PARSED, None))
            unwanted.append(self._atom((Operator.EQ, *term.identity[1:]), _as_equal(term.test)))
        else:
            (unwanted if term.negated else wanted).append(self._atom(term.identity, term.test))

    def let_live(self, bit: int, wanted: Sequence[Atom]) -> None:
        """Only where all of these hold is the alternative alive; ``begin_anew`` must follow the last."""
        self._asking.append(bit)
        if len(wanted) == 1:
            wanted[0].wanted.append(bit)
            wanted[0].changed()
            return
        rarest = min(wanted, key=lambda atom: (len(atom.joint) // WORTH_KEEPING, _rarity(atom)))
        rarest.joint.append((bit, frozenset(wanted) - {rarest}))
        for atom in wanted:
            atom.alone = False

    def first_held(self, alert: Alert) -> list[Atom]:
        """The comparisons that hold of this alert's value and held of none before."""
        value = self.read(alert)
        return [] if value is None else [atom for atom in self._hits(value) if not atom.held]

    def begin_anew(self, every: int, most_bytes: int) -> None:
        """Know of ``every`` bit that there is now; so much may be remembered."""
        self._closed |= mask_of(self._asking)
        self._asking.clear()
        self._free = every & ~self._closed
        self._most_bytes = most_bytes
        self._tables.forget()
        self.forget()

    def __missing__(self, value: Any) -> int:
        """The alternatives that this value leaves alive, worked out and remembered. Raises Stirred."""
        hits = self._hits(value)
        mask = self._alive(hits) if hits else self._free
        size = size_of(value) if type(value) is tuple else value.__sizeof__()
        if size > _LONGEST_REMEMBERED:
            return mask
        if self._bytes > self._most_bytes:
            self.forget()
        if hits:
            known = self._masks.setdefault(mask, mask)
            if known is mask:
                size += mask.__sizeof__()
            mask = known
        self[value] = mask
        self._bytes += size + OF_AN_ENTRY
        return mask

    def forget(self) -> None:
        """Remember only what is none."""
        super().forget()
        self._masks.clear()
        self.update(dict.fromkeys(self._nothing, self._free))

    def _alive(self, hits: list[Atom]) -> int:
        if self.leading and not all([atom.held for atom in hits]):  # noqa: C419  # a generator would double the cost
            raise WakeNeeded
        alive, dead = self._free, 0
        few_alive: list[int] = []
        few_dead: list[int] = []
        held: set[Atom] = set()
        for atom in hits:
            if len(atom.wanted) > WORTH_KEEPING:
                alive |= atom.wanted_mask()
            else:
                few_alive += atom.wanted
            if len(atom.unwanted) > WORTH_KEEPING:
                dead |= atom.unwanted_mask()
            else:
                few_dead += atom.unwanted
            if atom.joint:
                held = held or set(hits)
                few_alive += (bit for bit, others in atom.joint if others <= held)
        if few_alive:
            alive |= mask_of(few_alive)
        if few_dead:
            dead |= mask_of(few_dead)
        return alive & ~dead if dead else alive

    def _hits(self, value: Any) -> list[Atom]:
        """Every comparison that holds for the value."""
        if not self._sealed:
            self._seal_tables()
        parsed = value if self._parse is None else self._parse(value)
        hits = [] if parsed is None else self._tables.find(parsed)
        if self._present is not None and not (parsed is None and self._present_where_parsed):
            hits.append(self._present)
        if self._parsed is not None and parsed is not None:
            hits.append(self._parsed)
        return hits

    def _seal_tables(self) -> None:
        """Only at the first value that is looked up: many columns never see one. Either whole or not at all."""
        tables = Tables(self._kind)
        for atom in self._atoms.values():
            if atom.compare is not None:
                tables.add(atom)
        tables.seal()
        self._present, self._parsed = self._atoms.get(_PRESENT), self._atoms.get(_PARSED)
        self._tables, self._sealed = tables, True

    def _atom(self, key: Key, compare: Compare | None) -> Atom:
        found = self._atoms.get(key)
        if found is None:
            found = self._atoms[key] = Atom(compare, self)
        return found


def _place(source: Operand) -> str:
    if not isinstance(source, Field) or source.name == "time" or is_clock_field(source.name):
        return ""
    return "" if source.kind is Kind.LIST and source.name not in ATTRIBUTES else source.name


def _reader(source: Operand, labels: Mapping[str, str]) -> Callable[[Alert], Any]:
    return read_text(source, labels) if isinstance(source, Field) else read_operand(source, labels)


def _rarity(atom: Atom) -> int:
    """How seldom the comparison holds, by guess: the rarest is what several wait for."""
    if atom.compare is None:
        return len(_RAREST_FIRST)
    return _RAREST_FIRST.index(atom.compare.operator)


def _source(operand: Operand) -> Operand:
    """The one field that a transformer transforms, which is then applied once a value; or the operand itself."""
    if not isinstance(operand, Call):
        return operand
    fields = list(fields_in(operand))
    return fields[0] if len(fields) == 1 and _place(fields[0]) and fields[0].name not in ATTRIBUTES else operand


def _applied(operand: Operand, source: Operand) -> Callable[[Any], Any] | None:
    """The transformer as a function of its field's text."""
    if source is operand:
        return None
    assert isinstance(source, Field)
    name, read = source.name, read_operand(operand, {})

    def applied(text: str) -> Any:
        return read(Alert("", 0, Priority.DEBUG, "", "", "", (), "", {name: text}))

    return applied


def _is_unequal(test: Compare) -> bool:
    return test.operator is Operator.NE and test.quantifier is None and isinstance(test.right, Literal)


def _as_equal(test: Compare) -> Compare:
    return Compare(test.left, Operator.EQ, test.right, None, test.span)
