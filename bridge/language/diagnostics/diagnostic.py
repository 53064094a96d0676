"""Problems in ``.route`` files as values: a code, a place, a message and a remedy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum

from bridge.language.diagnostics.source import Span


class Severity(StrEnum):
    """How serious a problem is."""

    ERROR = "error"
    """The program does not run."""
    WARNING = "warning"
    """The program runs, probably not as intended."""
    ADVICE = "advice"
    """The program runs as intended, with a property worth knowing."""


class Code(Enum):
    """All diagnostics, each with its code and severity. A code never changes its meaning."""

    SYNTAX = ("S101", Severity.ERROR)
    BAD_ESCAPE = ("S102", Severity.ERROR)
    TOO_DEEP = ("S103", Severity.ERROR)
    TOO_LARGE = ("S104", Severity.ERROR)
    UNKNOWN_FIELD = ("R201", Severity.ERROR)
    UNKNOWN_MACRO = ("R202", Severity.ERROR)
    UNKNOWN_CHANNEL = ("R203", Severity.ERROR)
    UNKNOWN_LABEL = ("R204", Severity.ERROR)
    UNKNOWN_PRIORITY = ("R205", Severity.ERROR)
    UNKNOWN_TRANSFORMER = ("R206", Severity.ERROR)
    UNKNOWN_LIST = ("R207", Severity.ERROR)
    DUPLICATE_NAME = ("R208", Severity.ERROR)
    CYCLE = ("R209", Severity.ERROR)
    RESERVED_NAME = ("R210", Severity.ERROR)
    UNKNOWN_SCHEDULE = ("R211", Severity.ERROR)
    UNKNOWN_TEMPLATE = ("R212", Severity.ERROR)
    UNKNOWN_RULE = ("R213", Severity.WARNING)
    UNKNOWN_ROUTE = ("R214", Severity.ERROR)
    CANNOT_IMPORT = ("R215", Severity.ERROR)
    MISSPELT_LIST = ("R216", Severity.WARNING)
    UNLISTED_FIELD = ("R217", Severity.WARNING)
    MISSPELT_SOURCE = ("R218", Severity.WARNING)
    NOTHING_IMPORTED = ("R219", Severity.WARNING)
    UNKNOWN_COLUMN = ("R220", Severity.ERROR)
    MISSPELT_VALUE = ("R221", Severity.WARNING)
    WRONG_OPERATOR = ("T301", Severity.ERROR)
    WRONG_VALUE = ("T302", Severity.ERROR)
    BAD_REGEX = ("T303", Severity.ERROR)
    WRONG_RIGHT_SIDE = ("T304", Severity.ERROR)
    WRONG_ARGUMENTS = ("T305", Severity.ERROR)
    BAD_TEMPLATE = ("T306", Severity.ERROR)
    BAD_SCHEDULE = ("T307", Severity.ERROR)
    BAD_AMOUNT = ("T308", Severity.ERROR)
    BAD_LINK = ("T309", Severity.ERROR)
    BAD_TABLE = ("T310", Severity.ERROR)
    WILDCARD_EQUALS = ("L401", Severity.WARNING)
    FIELD_AS_TEXT = ("L402", Severity.WARNING)
    LITERAL_MISSING = ("L403", Severity.WARNING)
    EMPTY_VALUE = ("L404", Severity.WARNING)
    NO_DESTINATION = ("L406", Severity.ERROR)
    DROP_AND_TO = ("L407", Severity.ERROR)
    UNUSED_NAME = ("L408", Severity.WARNING)
    SHADOWED_ROUTE = ("L409", Severity.WARNING)
    REPEATED_CLAUSE = ("L410", Severity.ERROR)
    SMART_QUOTE = ("L411", Severity.WARNING)
    MISPLACED_CLAUSE = ("L412", Severity.ERROR)
    NEVER_TRUE = ("L413", Severity.WARNING)
    ALWAYS_TRUE = ("L414", Severity.WARNING)
    NEVER_EMITTED = ("L415", Severity.WARNING)
    NO_INDEX = ("L416", Severity.ADVICE)
    NO_EXPECTATION = ("L417", Severity.WARNING)
    FOREIGN_SYNTAX = ("L418", Severity.WARNING)
    NO_FALLBACK = ("L419", Severity.ERROR)
    NUMBER_RANGE = ("L421", Severity.WARNING)
    NOT_IN_ALERTS = ("L422", Severity.WARNING)
    POINTLESS_THROTTLE = ("L423", Severity.WARNING)
    PARTNER_NEVER_COMES = ("L424", Severity.WARNING)
    LONGER_THAN_RETENTION = ("L425", Severity.WARNING)
    NO_INCIDENT_KEY = ("L426", Severity.WARNING)
    KEY_NEVER_EMITTED = ("L427", Severity.WARNING)
    NO_LOOK_BACK = ("L428", Severity.ADVICE)
    EMPTY_MATCH = ("L429", Severity.WARNING)
    EMPTY_FILE = ("L430", Severity.WARNING)
    UNREADABLE_CONFIG = ("C501", Severity.ERROR)
    UNKNOWN_KEY = ("C502", Severity.ERROR)
    MISSING_KEY = ("C503", Severity.ERROR)
    REPEATED_KEY = ("C504", Severity.ERROR)
    WRONG_SHAPE = ("C505", Severity.ERROR)
    INVALID_VALUE = ("C506", Severity.ERROR)
    INVALID_NAME = ("C507", Severity.ERROR)
    SECRET_UNAVAILABLE = ("C508", Severity.ERROR)
    WEAK_SECRET = ("C509", Severity.ERROR)
    OPEN_LISTENER = ("C510", Severity.ERROR)
    NO_SUCH_FILE = ("C511", Severity.ERROR)
    CONFLICT = ("C512", Severity.ERROR)
    UNUSABLE_CHANNEL = ("C513", Severity.ERROR)
    BAD_FALLBACK = ("C514", Severity.ERROR)
    EXPOSED_SECRET = ("C515", Severity.ERROR)
    MISSING_FOLDER = ("C516", Severity.WARNING)
    UNREPLACED_VARIABLE = ("C517", Severity.WARNING)
    UNUSABLE_CERTIFICATE = ("C518", Severity.ERROR)
    CANNOT_START = ("C519", Severity.ERROR)
    FLEET_LOCAL = ("C520", Severity.WARNING)
    FLEET_ADVICE = ("C521", Severity.ADVICE)
    UNVERIFIED_DATABASE = ("C522", Severity.ADVICE)

    @property
    def id(self) -> str:
        """The code as users see it: ``R201``."""
        return self.value[0]

    @property
    def severity(self) -> Severity:
        """How serious a problem is."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Fix:
    """The replacement of a range of the diagnostic's file that removes the problem."""

    start: int
    end: int
    text: str
    certain: bool = False
    """Whether it can only mean this. ``check --fix`` applies certain fixes."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem."""

    code: Code
    message: str
    span: Span
    hint: str = ""
    """The remedy, shown next to the caret."""
    related: tuple[tuple[str, Span], ...] = ()
    """Other places that are involved, each with a label."""
    fix: Fix | None = None
    """The edit that the hint describes, where there is one."""
    may_pass: bool = False
    """Whether it may be gone at the next start without a change of the text: a file that is not there yet."""

    @property
    def severity(self) -> Severity:
        """How serious a problem is."""
        return self.code.severity


def by_place(diagnostic: Diagnostic) -> tuple[str, int, str]:
    """The sort key of diagnostics: file, place, code."""
    return diagnostic.span.path, diagnostic.span.start, diagnostic.code.id
