"""Where a config puts the journal, and how long and how much it stores."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.config.load import InstancePaths, find_instance_paths
from bridge.config.show import shown
from bridge.journal.location import DatabaseLocation, location_from, location_settings
from tests.config.reading import GOOD, errors, read, write

DAY_NS = 86_400 * 10**9


def with_journal(journal: str) -> str:
    return GOOD.replace("journal: journal.db", f"journal: {journal}")


def test_each_setting_is_read_on_its_own(tmp_path: Path) -> None:
    """The others keep their defaults."""
    config = read(tmp_path, with_journal("{path: journal.db, retention: {alerts: 90d, size: 500MB}}"))
    retention = config.journal.retention
    assert config.journal.path == tmp_path / "journal.db"
    assert (retention.alerts.ns, retention.deliveries.ns) == (90 * DAY_NS, 7 * DAY_NS)
    assert retention.size.bytes == 500_000_000


def test_all_errors_are_reported(tmp_path: Path) -> None:
    """A misspelt key, what is not a duration, a size too small to be useful."""
    found = errors(tmp_path, with_journal("{path: journal.db, retention: {alert: 90d, deliveries: soon, size: 1KB}}"))
    assert [each.message for each in found] == [
        "unknown key `alert` in `retention`",
        "invalid `deliveries`: `soon`",
        "invalid `size`: `1KB`",
    ]
    assert found[0].hint == "did you mean `alerts`?"


def test_a_url_names_a_database(tmp_path: Path) -> None:
    """In place of the mapping or in it; the local files have a default, and may have names of their own."""
    location = read(tmp_path, with_journal("postgresql://bridge@db/falco")).journal.location
    assert str(location) == "postgresql://db/falco"
    config = read(tmp_path, with_journal("{url: 'postgres://bridge@one,two/falco', path: local, standby: true}"))
    assert (config.journal.path, config.journal.standby) == (tmp_path / "local", True)
    assert config.admin.socket == tmp_path / "local.admin.sock"
    assert location_from(location_settings(config.journal.location)) == config.journal.location


def test_the_password_is_added_and_never_shown(tmp_path: Path) -> None:
    """Also by a verb that reads nothing else of the config's secrets."""
    (tmp_path / "secret").write_text("p@ss/w:rd\n", encoding="utf-8")
    text = with_journal("{url: 'postgresql://bridge@db/falco?sslmode=require', password: '${file:secret}'}")
    config = read(tmp_path, text)
    found = find_instance_paths(write(tmp_path, text), {})
    assert isinstance(found, InstancePaths)
    for location in (config.journal.location, found.journal):
        assert isinstance(location, DatabaseLocation)
        assert location.current_url() == "postgresql://bridge@db/falco?sslmode=require&password=p%40ss%2Fw%3Ard"
        assert "p%40ss" not in f"{location}{location!r}"
    assert "p@ss" not in shown(config) + repr(config)


def test_secrets_in_files_are_read_again(tmp_path: Path) -> None:
    """The location remains the same one, also in another process; a file that is gone changes nothing."""
    for name, first in (("url", "postgresql://bridge@db/falco"), ("secret", "first-password")):
        (tmp_path / name).write_text(f"{first}\n", encoding="utf-8")
    text = with_journal("{url: '${file:url}', password: '${file:secret}'}")
    location = read(tmp_path, text).journal.location
    passed_on = location_from(location_settings(location))
    (tmp_path / "url").write_text("postgresql://bridge@other/falco\n", encoding="utf-8")
    (tmp_path / "secret").write_text("second-password\n", encoding="utf-8")
    again = read(tmp_path, text).journal.location
    for each in (location, passed_on):
        assert isinstance(each, DatabaseLocation)
        assert each.is_same(again)
        assert each.current_url() == "postgresql://bridge@other/falco?password=second-password"
    (tmp_path / "secret").unlink()
    assert isinstance(location, DatabaseLocation)
    assert location.current_url() == "postgresql://bridge@other/falco?password=first-password"
    assert not location.is_same(
        read(tmp_path, with_journal("{url: 'postgresql://bridge@other/falco'}")).journal.location
    )


@pytest.mark.parametrize(
    ("journal", "message"),
    [
        ("{retention: {alerts: 90d}}", "`journal` has no `path`"),
        ("{path: journal.db, password: secretly}", "`password` needs a `url`"),
        ("{path: journal.db, standby: true}", "`standby` needs a `url`: bridges do not share a file"),
        ("{url: 'mysql://bridge@db/falco'}", "invalid `url`"),
    ],
)
def test_a_database_has_a_url(tmp_path: Path, journal: str, message: str) -> None:
    """What belongs to it is an error without one."""
    assert [each.message for each in errors(tmp_path, with_journal(journal))] == [message]


@pytest.mark.parametrize(
    ("journal", "roles", "problem"),
    [
        ("{path: journal.db}", "[intake]", "`roles` needs a journal in PostgreSQL"),
        ("{url: 'postgresql:///d', standby: true}", "intake", "`standby` is for a bridge outside of a fleet"),
        ("{url: 'postgresql:///d', lease: 100ms}", "intake", "the shortest lease is 500ms"),
        ("{url: 'postgresql:///d', lease: 2m}", "intake", "the longest lease is 1m"),
        ("{url: 'postgresql:///d'}", "[courier, courier]", "`courier` is listed twice"),
    ],
)
def test_roles_are_for_bridges_that_share_a_database(tmp_path: Path, journal: str, roles: str, problem: str) -> None:
    """All of them work."""
    found = errors(tmp_path, f"{with_journal(journal)}\nroles: {roles}\n")
    assert [each.message for each in found if problem in each.message]


def test_bridges_with_a_database_form_a_fleet_by_default(tmp_path: Path) -> None:
    """Two that are started on one database share its work. A standby is alone, as is a bridge with no roles."""
    all_roles = ("intake", "memory", "courier")
    assert read(tmp_path, with_journal("postgresql:///d")).roles == all_roles
    assert read(tmp_path, with_journal("{url: 'postgresql:///d', standby: true}")).roles == ()
    assert read(tmp_path, f"{with_journal('postgresql:///d')}\nroles: []\n").roles == ()
    assert read(tmp_path, with_journal("journal.db")).roles == ()


def test_a_bridge_that_takes_in_no_alerts_has_no_sources(tmp_path: Path) -> None:
    """They are still checked. One role needs no list."""
    config = read(tmp_path, f"{with_journal('postgresql:///d')}\nroles: courier\n")
    assert (config.roles, config.sources) == (("courier",), ())
    assert read(tmp_path, f"{with_journal('postgresql:///d')}\nroles: [intake, memory]\n").sources


@pytest.mark.parametrize("sources", ["", "sources: []\n"])
def test_only_a_bridge_that_takes_in_alerts_needs_sources(tmp_path: Path, sources: str) -> None:
    """A missing key or an empty list is an error for it alone."""
    others = "channels:" + with_journal("postgresql:///d").partition("channels:")[2]
    assert read(tmp_path, f"{sources}{others}\nroles: [memory, courier]\n").sources == ()
    for roles in ("", "roles: [intake, courier]\n"):
        (found,) = errors(tmp_path, f"{sources}{others}\n{roles}")
        assert "`sources`" in found.message
