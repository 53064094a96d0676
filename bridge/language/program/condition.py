"""Checked conditions: names are resolved and types are known. ``matching`` compiles them.

Macros are expanded, and lists are replaced by their items. Spans point at the source, for explanations and diagnostics.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum

from bridge.language.diagnostics.source import Span


class Kind(Enum):
    """How a value is compared. Derived from the field catalogue."""

    TEXT = "text"
    INTEGER = "integer"
    """Signed; durations and absolute times are nanoseconds."""
    INT32 = "32-bit integer"
    INT16 = "16-bit integer"
    UNSIGNED = "unsigned"
    UINT32 = "32-bit unsigned"
    PORT = "port"
    """16 bits, unsigned. Conditions may name the service: ``ssh``."""
    DEVICE = "device"
    """A signed 32-bit number that Falco prints in hexadecimal and compares with decimal numbers."""
    DOUBLE = "double"
    BOOL = "bool"
    BYTES = "bytes"
    """Text; `bcontains` and `bstartswith` compare it with bytes given in hexadecimal."""
    IP = "ip"
    NET = "net"
    LIST = "list"
    PRIORITY = "priority"
    """The alert's priority. It is ordered: `>=` means "or more severe"."""
    UNKNOWN = "unknown"
    """A field that is not in the catalogue: compared by its value."""


class Operator(StrEnum):
    """Falco's comparison operators. ``==`` is the same as ``=``."""

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
    """How many of a list's items must match. Written after a text operator (Falco 0.44)."""

    ONE_OF = "oneof"
    ANY_OF = "anyof"
    ALL_OF = "allof"


@dataclass(frozen=True, slots=True)
class Field:
    """A value of the alert.

    Either an output field, with its argument as Falco outputs it, or an attribute of the alert: ``rule``,
    ``priority``, ``source``, ``hostname``, ``tags``, ``output``, ``time`` or ``label.NAME``.
    """

    name: str
    kind: Kind
    span: Span


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written in the condition, with quotes and escapes resolved."""

    text: str
    quoted: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Items:
    """A list of values. Names of lists are already replaced by their items."""

    values: tuple[Literal, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Call:
    """A transformer applied to its arguments: ``tolower(proc.name)``; ``val(user.name)`` on the right side."""

    name: str
    arguments: tuple[Operand, ...]
    kind: Kind
    """The kind of the result: ``len`` returns an unsigned number."""
    span: Span
    selector: str | None = None
    """The option whose value getopt() returns: ``t`` in ``getopt((proc.args), "nt:")[t]``."""


@dataclass(frozen=True, slots=True)
class Pack:
    """A list as an argument of a transformer: ``join(",", (proc.pname, proc.name))``."""

    values: tuple[Operand, ...]
    span: Span


Operand = Field | Literal | Items | Call | Pack


@dataclass(frozen=True, slots=True)
class Compare:
    """``left operator right``.

    ``in``, ``intersects``, ``pmatch`` and quantified operators have Items or a Call on the right.
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
    """Two-valued negation: ``a = x`` is false for a missing ``a``, and ``not a = x`` is true."""

    condition: Condition
    span: Span


@dataclass(frozen=True, slots=True)
class All:
    """``and`` of two or more conditions."""

    conditions: tuple[Condition, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Any:
    """``or`` of two or more conditions."""

    conditions: tuple[Condition, ...]
    span: Span


Condition = Compare | Exists | Not | All | Any
