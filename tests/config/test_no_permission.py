"""Files in a folder that the user may not look into: an error in words that names them, never a traceback."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.cli.arguments.ids import ids_among
from bridge.config.load import load_config
from bridge.journal import JournalError
from bridge.journal.opening import open_to_read
from bridge.workbench.route_sets import RouteSetError, load_route_set
from bridge.workbench.routes import load_routes
from tests.support.other_user import as_other_user, open_to_others


def messages_of(path: Path) -> str:
    return "\n".join(f"{each.message}; {each.hint}" for each in load_config(path, {}).diagnostics)


def error_of(act: Callable[[], object]) -> str:
    try:
        act()
    except (JournalError, RouteSetError) as error:
        return str(error)
    return "no error"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_closed_folder_is_an_error_in_words(tmp_path: Path) -> None:
    """Of the config, of routes and of the journal, also where the user only reads them."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    open_to_others(tmp_path)
    config = tmp_path / "c.yaml"
    start = "sources: [{http: 127.0.0.1:0"
    rest = "}]\nchannels: {a: console://}\nroutes: r.route\njournal: closed/j.db\n"
    (tmp_path / "r.route").write_text("otherwise { to a }\n", encoding="utf-8")
    config.write_text(start + rest, encoding="utf-8")
    messages_of(config)  # what it imports, it imports as this user
    assert as_other_user(lambda: messages_of(config)) == ""
    config.write_text(f"{start}, tls: {{cert: closed/a.crt, key: closed/a.key}}{rest}", encoding="utf-8")
    expected = [f"there is no file {closed}/a.{kind}; this user may not look into {closed}" for kind in ("crt", "key")]
    assert as_other_user(lambda: messages_of(config)).splitlines() == expected

    route = closed / "x.route"
    error_of(lambda: open_to_read(tmp_path / "none.db"))
    error_of(lambda: load_route_set([str(tmp_path / "none.route")], None, {}))
    denied = f"{route}: cannot be read (Permission denied); check the file name"
    assert as_other_user(lambda: load_routes([route], None).checked.diagnostics[0].message) == denied
    assert denied in as_other_user(lambda: error_of(lambda: load_route_set([str(route)], None, {})))
    assert "Permission denied; give the user" in as_other_user(lambda: error_of(lambda: open_to_read(closed / "j.db")))
    assert as_other_user(lambda: str(ids_among([closed / "0123456789abcdef"]))) == "[]"
