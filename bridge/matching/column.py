"""One column of the index: for each value, the alternatives that it does not rule out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bridge.alert import Alert, Priority, make_alert
from bridge.alert.alert import is_clock_field
from bridge.language.condition import Call, Compare, Exists, Field, Kind, Literal, Operand, Operator
from bridge.language.kinds import ATTRIBUTES, ORDERING
from bridge.language.transformers import kind_of
from bridge.matching.atom import WORTH_KEEPING, Atom, mask_of
from bridge.matching.normal import Key, Term, fields_in
from bridge.matching.tables import Tables
from bridge.matching.values import PARSERS, read_operand, read_text

MEMO_BYTES = 16 << 20
"""What all columns together may remember of masks; past its share a column forgets everything and begins anew."""
MOST_VALUES = 8192
"""Values that a column remembers."""
_LONGEST_REMEMBERED = 512
"""Characters. Longer values are worked out each time: they hardly ever come again."""
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


class Column(dict[Any, int]):
    """The comparisons that all routes make over one operand: a mapping of values to masks that fills itself."""

    def __init__(self, operand: Operand, labels: Mapping[str, str]) -> None:
        super().__init__()
        source = _source(operand)
        self.place = _place(source)
        """The output field or attribute that holds the value; empty where ``read`` must find it."""
        self.read = _reader(source, labels)
        self.constrained = 0
        """How many alternatives ask something of this value."""
        field = operand if isinstance(operand, Field) else None
        self._nothing = _NO_ATTRIBUTE if field is not None and field.name in ATTRIBUTES else (None,)
        self._parse = _PARSERS.get(field.kind) if field is not None else _applied(operand, source)
        self._present_where_parsed = field is None
        self._atoms: dict[Key, Atom] = {}
        self._bits: list[tuple[int, bool]] = []
        self._tables = Tables(kind_of(operand))
        self._sealed = False
        self._free = 0
        self._most_masks = 0
        self._masks: dict[int, int] = {}

    def constrain(self, bit: int, terms: list[Term]) -> None:
        """An alternative asks these things of the value."""
        wanted: list[Atom] = []
        for term in terms:
            if isinstance(term.test, Exists):
                self._take(self._atom(_PRESENT, None), bit, wanted, negated=term.negated)
            elif _is_unequal(term.test) and not term.negated:
                wanted.append(self._atom(_PARSED, None))
                self._atom((Operator.EQ, *term.identity[1:]), _as_equal(term.test)).unwanted.append(bit)
            else:
                self._take(self._atom(term.identity, term.test), bit, wanted, negated=term.negated)
        wanted = list(dict.fromkeys(wanted))
        if len(wanted) == 1:
            wanted[0].wanted.append(bit)
        elif wanted:
            rarest = min(wanted, key=_rarity)
            rarest.joint.append((bit, frozenset(wanted) - {rarest}))
            for atom in wanted:
                atom.alone = False
        self._bits.append((bit, not wanted))
        self.constrained += 1

    def seal(self, every: int, share: int, width: int) -> None:
        """All alternatives are known: ``every`` has their bits, ``share`` bytes are this column's."""
        asking = mask_of([bit for bit, _ in self._bits])
        self._free = every & ~asking | mask_of([bit for bit, free in self._bits if free])
        self._bits.clear()
        self._most_masks = max(16, share // max(width // 8, 1))
        self._forget()

    def __missing__(self, value: Any) -> int:
        """The alternatives that this value leaves alive, worked out and remembered."""
        mask = self._worked_out(value)
        if isinstance(value, str | tuple) and len(value) > _LONGEST_REMEMBERED:
            return mask
        if len(self) >= MOST_VALUES or len(self._masks) >= self._most_masks:
            self._forget()
        mask = self._masks.setdefault(mask, mask)
        self[value] = mask
        return mask

    def _forget(self) -> None:
        self.clear()
        self._masks.clear()
        self.update(dict.fromkeys(self._nothing, self._free))

    def _worked_out(self, value: Any) -> int:
        hits = self._hits(value)
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
        dead |= mask_of(few_dead)
        alive |= mask_of(few_alive)
        return alive & ~dead if dead else alive

    def _hits(self, value: Any) -> list[Atom]:
        """Every comparison that holds for the value."""
        if not self._sealed:
            self._seal_tables()
        atoms = self._atoms
        parsed = value if self._parse is None else self._parse(value)
        hits = [] if parsed is None else self._tables.find(parsed)
        if _PRESENT in atoms and not (parsed is None and self._present_where_parsed):
            hits.append(atoms[_PRESENT])
        if parsed is not None and _PARSED in atoms:
            hits.append(atoms[_PARSED])
        return hits

    def _seal_tables(self) -> None:
        """Only at the first value that is looked up: many columns never see one."""
        self._sealed = True
        for key, atom in self._atoms.items():
            if key not in {_PRESENT, _PARSED}:
                self._tables.add(atom)
        self._tables.seal()

    def _take(self, atom: Atom, bit: int, wanted: list[Atom], *, negated: bool) -> None:
        if negated:
            atom.unwanted.append(bit)
        else:
            wanted.append(atom)

    def _atom(self, key: Key, compare: Compare | None) -> Atom:
        found = self._atoms.get(key)
        if found is None:
            found = self._atoms[key] = Atom(compare)
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
        return read(
            make_alert(
                time_ns=0, priority=Priority.DEBUG, rule="", source="", hostname="", tags=(), output="",
                fields={name: text},
            )
        )  # fmt: skip

    return applied


def _is_unequal(test: Compare) -> bool:
    return test.operator is Operator.NE and test.quantifier is None and isinstance(test.right, Literal)


def _as_equal(test: Compare) -> Compare:
    return Compare(test.left, Operator.EQ, test.right, None, test.span)
