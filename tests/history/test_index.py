"""The index finds what a search without it finds, and holds nothing that was purged."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bridge.alert import Alert, Priority
from bridge.common.clocks.times import DAY_NS
from bridge.history.index.folder import IndexFolder
from bridge.history.index.indexer import Indexer
from bridge.history.index.plan import plan
from bridge.history.index.query import EVERYTHING
from bridge.history.index.segment import SegmentWriter
from bridge.history.search import Search
from bridge.history.wanted import Wanted, wanted_words
from bridge.journal.opening import open_for_router
from bridge.journal.protocols import Journal
from bridge.journal.retention import RetentionPolicy
from bridge.journal.sql.history import SqlHistory
from bridge.routing import Decision, Entry, Reason, Routed
from bridge.workbench.condition import LoadedCondition, load_condition
from tests.history.conftest import PATHS, journal_path
from tests.support.builders import alert

BOOT = "this run"
PIECES = ("a", "b", "c", "d", "A", " ", "/", "-", ".", "Ä", "§r", "\x00", '"', "*", "x" * 63, "日")
TEXT = st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map("".join)
FIELDS = ("proc.cmdline", "user.name", "proc.aname[2]", "custom.field")
ALERTS = st.lists(
    st.builds(
        lambda rule, fields, output, priority, decisions: (rule, fields, output, priority, tuple(decisions)),
        st.just("Rule") | TEXT,
        st.dictionaries(st.sampled_from(FIELDS), TEXT, min_size=1, max_size=2),
        st.just("out") | TEXT,
        st.sampled_from(Priority),
        st.lists(
            st.builds(Decision, st.sampled_from(["a", "b"]), st.sampled_from([Reason.SENT, Reason.THROTTLED]),
                      st.sampled_from([(), ("chat",), ("chat", "pager")])),
            max_size=2,
        ),
    ),
    min_size=10, max_size=20,
)  # fmt: skip


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\x00", "")
    return f'"{escaped}"'


COMPARISONS = st.one_of(
    st.builds(
        lambda name, operator, text: f"{name} {operator} {quoted(text)}",
        st.sampled_from([*FIELDS, "rule", "output", "hostname", "proc.aname"]),
        st.sampled_from(["=", "!=", "contains", "icontains", "startswith", "endswith", "glob", "iglob"]),
        TEXT,
    ),
    st.builds(
        lambda name, texts: f"{name} in ({', '.join(map(quoted, texts))})",
        st.sampled_from([*FIELDS, "rule"]),
        st.lists(TEXT, min_size=1, max_size=3),
    ),
    st.builds(lambda name: f"{name} exists", st.sampled_from(FIELDS)),
    st.builds(lambda operator, word: f"priority {operator} {word}", st.sampled_from([">=", "<", "=", "!="]),
              st.sampled_from(["error", "notice", "debug"])),
    st.builds(lambda text: f"proc.cmdline pmatch ({quoted(text)})", TEXT),
    st.builds(lambda text: f"tags intersects ({quoted(text)})", TEXT),
)  # fmt: skip
CONDITIONS = st.recursive(
    COMPARISONS,
    lambda inner: st.one_of(
        inner.map(lambda one: f"not ({one})"),
        st.tuples(inner, inner).map(lambda two: f"({two[0]}) and ({two[1]})"),
        st.tuples(inner, inner).map(lambda two: f"({two[0]}) or ({two[1]})"),
    ),
    max_leaves=4,
)


def entry_of(number: int, made: tuple[str, dict[str, str], str, Priority, tuple[Decision, ...]]) -> Entry:
    rule, fields, output, priority, decisions = made
    tags = (output,) if output else ()
    return Entry(
        alert(number + 1, rule=rule or "Rule", fields=fields, output=output, priority=priority, tags=tags),
        Routed(decisions, ()),
    )


def index_all(journal: Journal, *, segment_alerts: int = 5, batch: int = 3, boot: str = BOOT) -> IndexFolder:
    folder = IndexFolder(journal_path(journal))
    indexer = Indexer(journal.history, folder, boot, segment_alerts, batch)
    for _ in range(10_000):
        if not indexer.step():
            break
    indexer.close()
    return folder


def found(journal: Journal, wanted: Wanted, folder: IndexFolder | None) -> list[int]:
    return [each.number for each in Search(journal.history, folder).newest(wanted, journal.history.span())]


def condition(text: str) -> LoadedCondition | None:
    loaded = load_condition(text, (), {})
    return loaded if isinstance(loaded, LoadedCondition) else None


@settings(max_examples=15, deadline=None)
@given(made=ALERTS, texts=st.lists(CONDITIONS, min_size=12, max_size=20), words=TEXT, rule=TEXT)
def test_a_search_finds_the_same_with_and_without_the_index(
    tmp_path_factory: pytest.TempPathFactory, made: Sequence[object], texts: list[str], words: str, rule: str
) -> None:
    """For any alerts, hostile ones included, and any condition, words, rules and decisions."""
    path = tmp_path_factory.mktemp("same") / "journal.db"
    journal = open_for_router(path)
    PATHS[id(journal)] = path
    journal.alerts.append("s", 0, [entry_of(number, each) for number, each in enumerate(made)])  # type: ignore[arg-type]
    folder = index_all(journal)
    searches = [Wanted(each.condition, each.predicate) for text in texts if (each := condition(text)) is not None]
    searches += [Wanted(words=wanted_words([words])), Wanted(rules=frozenset({rule})), Wanted(channel="pager")]
    searches += [Wanted(route="a", reason=Reason.THROTTLED), Wanted(route="b", channel="chat")]
    for wanted in searches:
        assert found(journal, wanted, folder) == found(journal, wanted, None)
    journal.close()


VALUES = ("curl evil", "xcurl evil", "curly", "/etc/cron.d/x", "etc", "e" * 70 + "curl", "e" * 64, "CURL", "Äcurl", "")
LITERALS = (
    "curl",
    "url",
    "cur",
    "l ev",
    "evil",
    "/etc/",
    "tc/cro",
    ".d",
    "e" * 65,
    "e" * 66 + "cu",
    "Ä",
    "vil",
    "curl e",
)


def test_the_edges_of_words_are_found(journal: Journal) -> None:
    """Parts of words at both ends, words that are longer than what is indexed, separators, letters beyond ASCII."""
    entries = [
        Entry(alert(number, rule="R", output="", hostname="h", fields={"proc.cmdline": value}), Routed((), ()))
        for number, value in enumerate(VALUES)
    ]
    journal.alerts.append("s", 0, entries)
    folder = index_all(journal, segment_alerts=100, batch=100)
    narrowed = 0
    for literal in LITERALS:
        for operator in ("=", "contains", "icontains", "startswith", "endswith"):
            loaded = condition(f"proc.cmdline {operator} {quoted(literal)}")
            assert loaded is not None
            wanted = Wanted(loaded.condition, loaded.predicate)
            assert found(journal, wanted, folder) == found(journal, wanted, None), (operator, literal)
            narrowed += plan(wanted) != EVERYTHING
        for pattern in (f"*{literal}", f"{literal}*", f"*{literal}*", f"?{literal}*"):
            loaded = condition(f"proc.cmdline glob {quoted(pattern)}")
            assert loaded is not None
            wanted = Wanted(loaded.condition, loaded.predicate)
            assert found(journal, wanted, folder) == found(journal, wanted, None), pattern
    assert narrowed > len(LITERALS)


def fill(journal: Journal, count: int, *, day: int = 0, first: int = 0) -> list[Alert]:
    entries = [
        Entry(alert(number, fields={"proc.cmdline": f"run word{number}"}), Routed((), ()))
        for number in range(first, first + count)
    ]
    journal.alerts.append("s", day * DAY_NS + 1, entries)
    return [each.alert for each in entries]


WORD = Wanted(words=frozenset({"run"}))


def indexed_words(folder: IndexFolder) -> set[str]:
    words: set[str] = set()
    for path in folder.files():
        connection = sqlite3.connect(path)
        connection.execute("CREATE VIRTUAL TABLE temp.v USING fts5vocab(main, words, row)")
        words |= {term for (term,) in connection.execute("SELECT term FROM temp.v")}
        connection.close()
    return words


def test_a_segment_ends_with_its_day_and_its_size(journal: Journal) -> None:
    """One file for each day, and more for a day with many alerts."""
    fill(journal, 7)
    fill(journal, 3, day=1, first=7)
    folder = index_all(journal)
    assert [(each.covered.day, each.covered.alerts) for each in folder.segments()] == [(0, 5), (0, 2), (1, 3)]
    assert found(journal, WORD, folder) == list(range(10, 0, -1))


def test_a_search_asks_the_journal_once_about_all_segments(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over a network, each question of its own would take a round trip."""
    fill(journal, 7)
    fill(journal, 3, day=1, first=7)
    folder = index_all(journal)
    asked: list[int] = []
    ids = SqlHistory.ids

    def counted(history: SqlHistory, numbers: Sequence[int]) -> dict[int, str]:
        asked.append(len(numbers))
        return ids(history, numbers)

    monkeypatch.setattr(SqlHistory, "ids", counted)
    assert found(journal, WORD, folder) == list(range(10, 0, -1))
    assert asked == [3]


def test_what_is_purged_leaves_the_index_at_once(journal: Journal) -> None:
    """With the file of its segment. The rest is found without it, and what is left is not indexed again."""
    fill(journal, 5)
    fill(journal, 5, day=1, first=5)
    fill(journal, 2, day=2, first=10)
    folder = index_all(journal)
    assert "word0" in indexed_words(folder)
    policy = RetentionPolicy(alerts_ns=DAY_NS // 2)
    while journal.maintenance.step(policy, DAY_NS + 2):
        pass
    folder.drop(journal.maintenance.removed_up_to)
    left = {each.alert.fields["proc.cmdline"].split()[1] for each in journal.history.alerts()}
    assert left == {f"word{number}" for number in range(5, 12)}
    assert {word for word in indexed_words(folder) if word.startswith("word")} <= left
    assert index_all(journal).segments() == folder.segments()
    assert found(journal, WORD, folder) == list(range(12, 5, -1))


def test_a_purge_while_no_bridge_indexed_is_noticed(journal: Journal) -> None:
    """At the start of the next indexer: the oldest segment has more alerts than the journal."""
    fill(journal, 4)
    fill(journal, 4, day=1, first=4)
    folder = index_all(journal)
    while journal.maintenance.step(RetentionPolicy(alerts_ns=DAY_NS // 2), DAY_NS + 2):
        pass
    index_all(journal)
    assert "word0" not in indexed_words(folder)


@pytest.mark.parametrize("damage", ["remove", "truncate", "null", "schema", "garbage"])
def test_a_missing_or_damaged_index_is_rebuilt(journal: Journal, damage: str) -> None:
    """Until then the search reads the journal."""
    fill(journal, 12)
    folder = index_all(journal)
    victim = folder.files()[0]
    if damage == "remove":
        for path in folder.files():
            path.unlink()
    elif damage == "truncate":
        victim.write_bytes(b"")
    elif damage == "null":
        with closing(sqlite3.connect(victim)) as connection:
            connection.executescript(
                "DROP TABLE covered; CREATE TABLE covered (first, last, day, alerts, boot, newest, newest_id)"
            )
            connection.execute("INSERT INTO covered (first) VALUES (1)")
            connection.commit()
    elif damage == "schema":  # SQLite's message quotes it
        victim.write_bytes(victim.read_bytes().replace(b"CREATE TABLE covered", b"CREATE \xd1ABLE covered"))
    else:
        victim.write_bytes(victim.read_bytes()[:4096] + b"\xff" * 8192)
    fresh = IndexFolder(journal_path(journal))
    assert found(journal, WORD, fresh) == list(range(12, 0, -1))
    if damage != "garbage":
        rebuilt = index_all(journal)
        assert sum(each.covered.alerts for each in rebuilt.segments()) == 12
        assert found(journal, WORD, rebuilt) == list(range(12, 0, -1))


@pytest.mark.parametrize("shared", [0, 7])
def test_the_index_of_another_journal_is_not_used_and_removed(journal: Journal, tmp_path: Path, shared: int) -> None:
    """A journal that was deleted, or replaced by a backup: its numbers mean other alerts from there on."""
    fill(journal, 12)
    folder = index_all(journal)
    folder.raise_floor(100 if not shared else 0)
    (tmp_path / "other").mkdir()
    other = open_for_router(tmp_path / "other" / "journal.db")
    PATHS[id(other)] = tmp_path / "other" / "journal.db"
    fill(other, shared)
    fill(other, 20 - shared, first=100)
    folder.path.rename(tmp_path / "other" / "journal.db.history")
    stale = IndexFolder(journal_path(other))
    late = Wanted(words=frozenset({"word101"}))
    assert found(other, late, stale) == [shared + 2]
    fresh = index_all(other)
    assert found(other, late, fresh) == [shared + 2]
    assert fresh.lag(other.history.span()) == 0
    assert not {"word8", "word11"} & indexed_words(fresh)
    kept = [
        each.covered.first
        for each in fresh.segments()
        if each.covered.newest_id == alert(4, fields={"proc.cmdline": "run word4"}).id
    ]
    assert kept == ([1] if shared else [])
    other.close()


def test_an_incomplete_segment_of_another_run_of_the_machine_is_written_again(journal: Journal) -> None:
    """It may have been lost in part, because it was not forced to the disk."""
    fill(journal, 3)
    index_all(journal, boot="before")
    fill(journal, 1, first=3)
    (segment,) = index_all(journal).segments()
    assert (segment.covered.boot, segment.covered.alerts) == (BOOT, 4)


def test_a_reader_notices_that_a_segment_was_written_again(journal: Journal) -> None:
    """By another process, at the same path: what a long-running reader remembers of it no longer holds."""
    fill(journal, 5)
    reader = IndexFolder(journal_path(journal))
    (segment,) = index_all(journal, segment_alerts=5).segments()
    assert reader.segments() == [segment]
    segment.path.unlink()
    assert reader.segments() == []
    index_all(journal, segment_alerts=3)
    assert [each.covered.last for each in reader.segments()] == [3, 5]


def test_a_search_notices_that_the_index_is_written_again(journal: Journal) -> None:
    """It was deleted while the search ran, as it may be at any time: the first alerts are not in the new file yet."""
    fill(journal, 12)
    folder = index_all(journal)
    search = Search(journal.history, folder).newest(WORD, journal.history.span())
    first = next(search)
    for path in folder.files():
        folder.remove(path)
    indexer = Indexer(journal.history, folder, BOOT, 5, 1)
    indexer.step()
    indexer.close()
    assert [first.number, *(each.number for each in search)] == list(range(12, 0, -1))


def test_an_indexer_continues_where_another_one_stopped(journal: Journal) -> None:
    """A restart of the bridge does not begin a new segment."""
    fill(journal, 2)
    index_all(journal)
    fill(journal, 2, first=2)
    folder = index_all(journal)
    assert [each.covered.alerts for each in folder.segments()] == [4]
    assert found(journal, WORD, folder) == [4, 3, 2, 1]


def test_what_is_not_indexed_yet_is_found(journal: Journal) -> None:
    """The index may lag behind."""
    fill(journal, 4)
    folder = index_all(journal)
    fill(journal, 4, first=4)
    assert found(journal, WORD, folder) == list(range(8, 0, -1))


@pytest.mark.parametrize(
    ("text", "narrows"),
    [
        ('k8s.ns.name = "payments"', True),
        ('proc.cmdline contains "rm -rf"', True),
        ('proc.cmdline contains "c"', True),
        ('proc.cmdline glob "*cron*"', True),
        ("rule in (a, b)", True),
        ("priority >= error", True),
        ('rule = a or proc.cmdline regex ".*x"', False),
        ("not rule = a", False),
        ("label.cluster = x", False),
        ("evt.time startswith 10", False),
    ],
)
def test_what_the_index_can_narrow(text: str, narrows: bool) -> None:
    """Comparisons of text with a literal; a negation or a regular expression reads every alert."""
    loaded = load_condition(text, (), {"cluster": "x"})
    assert isinstance(loaded, LoadedCondition)
    assert (plan(Wanted(loaded.condition)) != EVERYTHING) is narrows


def test_an_index_that_cannot_be_written_is_reported_once_and_tried_again_after_a_pause(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk. Without a pause it was logged a thousand times a second."""
    fill(journal, 3)
    folder = IndexFolder(journal_path(journal))
    indexer = Indexer(journal.history, folder, BOOT)

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched, capture_logs() as logs:
        patched.setattr(SegmentWriter, "add", full)
        assert [indexer.step() for _ in range(3)] == [3, 3, 3]
        assert indexer.fails
    assert [each["event"] for each in logs] == ["index not written; retrying"]
    assert (indexer.step(), indexer.fails) == (0, False)
    indexer.close()
    assert [each.covered.alerts for each in folder.segments()] == [3]
