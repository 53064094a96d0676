"""One column of the index: maps each value of a field to the alternatives that it does not rule out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bridge.alert import Alert, Priority
from bridge.alert.alert import is_clock_field
from bridge.language.program.condition import Call, Compare, Exists, Field, Kind, Literal, Operand, Operator
from bridge.language.program.fields.carriers import Carriers, carriers_of
from bridge.language.program.fields.kinds import ATTRIBUTES, ORDERING
from bridge.language.program.fields.transformers import kind_of
from bridge.matching.index.atom import CACHED_FROM, Atom, WakeNeeded, mask_of
from bridge.matching.index.families import family
from bridge.matching.index.memo import ENTRY_BYTES, Memo, size_of
from bridge.matching.index.tables import Tables
from bridge.matching.normal import Key, Term, fields_in
from bridge.matching.values import PARSERS, read_carried, read_operand, read_text

MEMO_BYTES = 16 << 20
"""The memory of all columns."""
_MAX_CACHED = 1024
"""Bytes of a value. Longer values are computed each time: they rarely repeat."""
_PARSERS: Mapping[Kind, Callable[[Any], Any]] = {**PARSERS, Kind.PRIORITY: Priority}
_EMPTY_ATTRIBUTE = (None, "", ())
"""The values of an attribute that is missing. An output field that is empty is not missing."""
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
    """All comparisons over one operand: maps values to masks of alternatives. Computed on demand."""

    def __init__(self, operand: Operand, labels: Mapping[str, str]) -> None:
        super().__init__(0)
        source = _source(operand)
        self._carriers = carriers_of(operand.name) if isinstance(operand, Field) else None
        """The fields that carry the values, if there are several. The value is then a tuple of texts."""
        self.place = "" if self._carriers else _place(source)
        """The output field or attribute that holds the value; empty if only ``read`` can get it."""
        self.read = _reader(source, self._carriers, labels)
        self.leading = bool(family(self.place))
        """Whether every alert is looked up here, so that a comparison seen for the first time can wake alternatives."""
        self.uses = 0
        """The number of comparisons that routes make."""
        field = operand if isinstance(operand, Field) else None
        self._missing_values = _EMPTY_ATTRIBUTE if field is not None and field.name in ATTRIBUTES else (None,)
        self._parse = _PARSERS.get(field.kind) if field is not None else _applied(operand, source)
        self._present_where_parsed = field is None
        self._atoms: dict[Key, Atom] = {}
        self._present: Atom | None = None
        self._parsed: Atom | None = None
        self._added: list[int] = []
        self._constrained = 0
        self._kind = kind_of(operand)
        self._tables = Tables(self._kind)
        self._sealed = False
        self._unconstrained = 0
        self._masks: dict[int, int] = {}

    def add_term(self, term: Term, required: list[Atom], excluded: list[Atom]) -> None:
        """Add the atoms that must hold for this term to ``required`` and those that must not to ``excluded``."""
        self.uses += 1
        if isinstance(term.test, Exists):
            (excluded if term.negated else required).append(self._atom(_PRESENT, None))
        elif self._excludes_equal(term.test) and not term.negated:
            required.append(self._atom(_PARSED, None))
            excluded.append(self._atom((Operator.EQ, *term.identity[1:]), _as_equal(term.test)))
        else:
            (excluded if term.negated else required).append(self._atom(term.identity, term.test))

    def add_alternative(self, bit: int, required: Sequence[Atom]) -> None:
        """Rule the alternative out wherever one of ``required`` does not hold. Call ``reset`` after the last one."""
        self._added.append(bit)
        if len(required) == 1:
            required[0].requiring.append(bit)
            required[0].invalidate()
            return
        rarest = min(required, key=lambda atom: (len(atom.joint) // CACHED_FROM, _rarity(atom)))
        rarest.joint.append((bit, frozenset(required) - {rarest}))
        for atom in required:
            atom.single = False

    def newly_seen(self, alert: Alert) -> list[Atom]:
        """The comparisons that hold for this alert's value and have not held before."""
        value = self.read(alert)
        return [] if value is None else [atom for atom in self._hits(value) if not atom.seen]

    def reset(self, every: int, max_bytes: int) -> None:
        """Forget all entries, take the mask of all bits, and set the memory limit."""
        self._constrained |= mask_of(self._added)
        self._added.clear()
        self._unconstrained = every & ~self._constrained
        self._max_bytes = max_bytes
        self._tables.forget()
        self.forget()

    def __missing__(self, value: Any) -> int:
        """The alternatives that this value does not rule out; cached. Raises WakeNeeded."""
        hits = self._hits(value)
        mask = self._alive(hits) if hits else self._unconstrained
        size = size_of(value) if type(value) is tuple else value.__sizeof__()
        if size > _MAX_CACHED:
            return mask
        if self._bytes > self._max_bytes:
            self.forget()
        if hits:
            known = self._masks.setdefault(mask, mask)
            if known is mask:
                size += mask.__sizeof__()
            mask = known
        self[value] = mask
        self._bytes += size + ENTRY_BYTES
        return mask

    def forget(self) -> None:
        """Remove all entries but those of missing values."""
        super().forget()
        self._masks.clear()
        self.update(dict.fromkeys(self._missing_values, self._unconstrained))

    def _alive(self, hits: list[Atom]) -> int:
        if self.leading and not all([atom.seen for atom in hits]):  # noqa: C419  # a generator would double the cost
            raise WakeNeeded
        alive, excluded = self._unconstrained, 0
        few_alive: list[int] = []
        few_excluded: list[int] = []
        holding: set[Atom] = set()
        for atom in hits:
            if len(atom.requiring) > CACHED_FROM:
                alive |= atom.requiring_mask()
            else:
                few_alive += atom.requiring
            if len(atom.excluding) > CACHED_FROM:
                excluded |= atom.excluding_mask()
            else:
                few_excluded += atom.excluding
            if atom.joint:
                holding = holding or set(hits)
                few_alive += (bit for bit, others in atom.joint if others <= holding)
        if few_alive:
            alive |= mask_of(few_alive)
        if few_excluded:
            excluded |= mask_of(few_excluded)
        return alive & ~excluded if excluded else alive

    def _hits(self, value: Any) -> list[Atom]:
        """All comparisons that hold for the value."""
        if not self._sealed:
            self._seal_tables()
        if self._carriers is not None:
            return self._hits_of_any(value)
        parsed = value if self._parse is None else self._parse(value)
        hits = [] if parsed is None else self._tables.find(parsed)
        if self._present is not None and not (parsed is None and self._present_where_parsed):
            hits.append(self._present)
        if self._parsed is not None and parsed is not None:
            hits.append(self._parsed)
        return hits

    def _hits_of_any(self, texts: tuple[str, ...]) -> list[Atom]:
        """All comparisons that hold for one of the values."""
        read = texts if self._parse is None else [self._parse(text) for text in texts]
        values = [value for value in read if value is not None]
        found = dict.fromkeys(atom for value in values for atom in self._tables.find(value))
        hits = [atom for atom in found if not self._needs_all(atom) or all(map(atom.holds, values))]
        if self._parsed is not None and values:
            hits.append(self._parsed)
        if self._present is not None:
            hits.append(self._present)
        return hits

    def _needs_all(self, atom: Atom) -> bool:
        """Whether the comparison holds only if it holds for each of the values."""
        return atom.compare is not None and _is_unequal(atom.compare) and self._excludes_equal(atom.compare)

    def _excludes_equal(self, test: Compare) -> bool:
        """Whether the comparison is: there is a value, and none is equal."""
        return _is_unequal(test) and not (self._carriers is not None and self._carriers.any_differs)

    def _seal_tables(self) -> None:
        """Build the tables at the first lookup: many columns never have one. A failure leaves the column unsealed."""
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


def _reader(source: Operand, carriers: Carriers | None, labels: Mapping[str, str]) -> Callable[[Alert], Any]:
    if carriers is not None:
        assert isinstance(source, Field)
        return read_carried(source.name, carriers)
    return read_text(source, labels) if isinstance(source, Field) else read_operand(source, labels)


def _rarity(atom: Atom) -> int:
    """An estimate of how rarely the comparison holds: a joint requirement is filed under the rarest."""
    if atom.compare is None:
        return len(_RAREST_FIRST)
    return _RAREST_FIRST.index(atom.compare.operator)


def _source(operand: Operand) -> Operand:
    """The only field of a transformer, which is then applied once per value; otherwise the operand itself."""
    if not isinstance(operand, Call):
        return operand
    fields = list(fields_in(operand))
    return fields[0] if len(fields) == 1 and _place(fields[0]) and fields[0].name not in ATTRIBUTES else operand


def _applied(operand: Operand, source: Operand) -> Callable[[Any], Any] | None:
    """The transformer as a function of its field's text. None without a transformer."""
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
