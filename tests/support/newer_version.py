"""A newer version of the bridge: a copy of this one whose version, tables, stored forms and language are changed on disk.

What it writes has fields and words that this version does not know, and it has a migration of each kind.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from bridge.journal.postgres.tables.migrations import MIGRATIONS

VERSION = "99.0.0"
EXPANDED, CONTRACTED = len(MIGRATIONS) + 1, len(MIGRATIONS) + 2
"""The formats of its two migrations."""
WORD = "forevery"
"""What it also reads for ``per``."""
_ROOT = Path(__file__).parents[2]
_TABLES = (
    "alerts", "attempts", "channels", "checkpoints", "clauses", "clock", "counters", "dead_letter_acts", "deliveries",
    "dictionaries", "leases", "matches", "members", "owners", "partition_clocks", "partition_state", "partitions",
    "quarantine", "requests", "revisions", "secrets", "silences", "state", "state_log",
)  # fmt: skip
_MIGRATIONS = f"""
_WIDER = tuple(f"ALTER TABLE {{name}} ADD COLUMN newer text DEFAULT 'x'" for name in {_TABLES!r})
_NARROWER = ("ALTER TABLE alerts DROP COLUMN newer",)
MIGRATIONS = (*MIGRATIONS, Migration(_WIDER, 1, 1), Migration(_NARROWER, {CONTRACTED}, {CONTRACTED}))
"""
_CHANGES = (
    ("bridge/journal/codec.py", '    incident: str = ""\n', '    incident: str = ""\n    score: int = 7\n'),
    (
        "bridge/journal/codec.py", "    links: tuple[tuple[str, str], ...] = ()\n",
        "    links: tuple[tuple[str, str], ...] = ()\n    tone: list[int] = msgspec.field(default_factory=lambda: [1])\n",
    ),
    ("bridge/routing/reason.py", 'BELOW_THRESHOLD = "below_threshold"', 'BELOW_THRESHOLD = "not_often_enough"'),
    (
        "bridge/routing/partitions/matches.py", "    routes: tuple[RouteMatch, ...] = ()\n",
        '    routes: tuple[RouteMatch, ...] = ()\n    origin: str = "newer"\n',
    ),
    (
        "bridge/routing/memory/clauses/passage.py", "    ladder: tuple[tuple[int, str], ...] = ()\n",
        "    ladder: tuple[tuple[int, str], ...] = ()\n    weight: int = 7\n",
    ),
    (
        "bridge/routing/memory/clauses/throttle.py", "    last: Passage | None = None\n",
        '    last: Passage | None = None\n    burst: str = "newer"\n',
    ),
    ("bridge/delivery/health.py", '    rate: str = ""\n', '    rate: str = ""\n    mood: str = "newer"\n'),
    (
        "bridge/daemon/fleet/joining.py", "membership.note(roles=list(generation.config.roles))",
        'membership.note(roles=list(generation.config.roles), mood={"newer": [1]})',
    ),
    ("grammar/route.lark", "PER: /per\\b/", f"PER: /(per|{WORD})\\b/"),
)  # fmt: skip
"""By file: what is replaced, and by what."""


def make_newer_version(folder: Path) -> Path:
    """The folder of the copy, to be first in PYTHONPATH."""
    shutil.copytree(_ROOT / "bridge", folder / "bridge", ignore=shutil.ignore_patterns("__pycache__", "_data"))
    shutil.copytree(_ROOT / "grammar", folder / "grammar")
    for name, before, after in _CHANGES:
        _replace(folder / name, before, after)
    _replace(folder / "bridge/__init__.py", f'__version__ = "{_version()}"', f'__version__ = "{VERSION}"')
    with (folder / "bridge/journal/postgres/tables/migrations.py").open("a", encoding="utf-8") as file:
        file.write(_MIGRATIONS)
    return folder


def _version() -> str:
    from bridge import __version__

    return __version__


def _replace(path: Path, before: str, after: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1, f"{path}: {before!r} is there {text.count(before)} times"
    path.write_text(text.replace(before, after), encoding="utf-8")
