"""A checked condition: names resolved, types known, nothing left to look up. What ``matching`` compiles.

Macros stand expanded and lists as their items; spans point at the source for explain and for diagnostics.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum

from bridge.language.diagnostics.source import Span


class Kind(Enum):
    """How a value compares, told from the field catalogue."""

    TEXT = "text"
    INTEGER = "integer"
    """Signed; durations and absolute times are nanoseconds."""
    UNSIGNED = "unsigned"
    DOUBLE = "double"
    BOOL = "bool"
    BYTES = "bytes"
    """Text that `bcontains` and `bstartswith` compare with bytes in hexadecimal."""
    IP = "ip"
    NET = "net"
    LIST = "list"
    PRIORITY = "priority"
    """The alert's priority: ordered, and `>=` means "or more severe"."""
    UNKNOWN = "unknown"
    """A field that the catalogue does not know: taken by its value."""


class Operator(StrEnum):
    """Falco's comparison operators; ``==`` is ``=``."""

    EQ = "="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    CONTAINS = "contains"
    ICONTAINS = "icontains"
    BCONTAINS = "bcontains"
    STARTSWITH = "startswith"
    BSTARTSWITH = "bstartswith"
    ENDSWITH = "endswith"
    GLOB = "glob"
    IGLOB = "iglob"
    REGEX = "regex"
    IN = "in"
    INTERSECTS = "intersects"
    PMATCH = "pmatch"


class Quantifier(StrEnum):
    """After a string operator: how many of a list's items must hold (Falco 0.44)."""

    ONE_OF = "oneof"
    ANY_OF = "anyof"
    ALL_OF = "allof"


@dataclass(frozen=True, slots=True)
class Field:
    """One value of the alert.

    An output field (with its argument, as Falco emits it), or an attribute of the alert itself (``rule``,
    ``priority``, ``source``, ``hostname``, ``tags``, ``output``, ``time``, ``label.NAME``).
    """

    name: str
    kind: Kind
    span: Span


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written in the condition, unquoted and unescaped."""

    text: str
    quoted: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Items:
    """A list of values, lists' names already resolved."""

    values: tuple[Literal, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Call:
    """A transformer applied to its arguments: ``tolower(proc.name)``, ``val(user.name)`` on the right."""

    name: str
    arguments: tuple[Operand, ...]
    kind: Kind
    """The kind of the result: ``len`` gives an unsigned number."""
    span: Span
    selector: str | None = None
    """One option's value out of getopt(): ``getopt((proc.args), "nt:")[t]``."""


@dataclass(frozen=True, slots=True)
class Pack:
    """Several values as one argument of a transformer: ``join(",", (proc.pname, proc.name))``."""

    values: tuple[Operand, ...]
    span: Span


Operand = Field | Literal | Items | Call | Pack


@dataclass(frozen=True, slots=True)
class Compare:
    """``left operator right``.

    ``in``, ``intersects``, ``pmatch`` and quantified operators have Items (or a Call) on the right.
    """

    left: Operand
    operator: Operator
    right: Operand
    quantifier: Quantifier | None
    span: Span


@dataclass(frozen=True, slots=True)
class Exists:
    """``field exists``."""

    operand: Operand
    span: Span


@dataclass(frozen=True, slots=True)
class Not:
    """Negation, two-valued: where ``a = x`` is false for a missing ``a``, ``not a = x`` is true."""

    condition: Condition
    span: Span


@dataclass(frozen=True, slots=True)
class All:
    """``and`` over two or more."""

    conditions: tuple[Condition, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Any:
    """``or`` over two or more."""

    conditions: tuple[Condition, ...]
    span: Span


Condition = Compare | Exists | Not | All | Any
