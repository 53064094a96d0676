"""A name on the command line that the config does not have is said to be unknown, with the one that is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.alert import Alert
from bridge.cli.main import main
from bridge.journal.opening import open_for_router
from bridge.routing import Decision, Entry, Reason, Routed
from tests.support.builders import alert

ALERT: Alert = alert(1, rule="Shell")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("names")
    (path / "falco-bridge.yaml").write_text(
        "sources: [{stdin: true}]\njournal: j.db\nchannels: {pager: 'json://127.0.0.1:9/'}\nroutes: [a.route]\n",
        encoding="utf-8",
    )
    (path / "rules.yaml").write_text(
        "- rule: Shell\n  desc: a\n  condition: evt.type = execve\n  output: a\n  priority: NOTICE\n", encoding="utf-8"
    )
    (path / "a.route").write_text(
        'import falco "rules.yaml"\nroute "shells in prod" { when rule = Shell to pager }\n', encoding="utf-8"
    )
    opened = open_for_router(path / "j.db")
    decision = Decision("shells of last year", Reason.SENT, ("chat",))
    opened.alerts.append("falco", 1, [Entry(ALERT, Routed((decision,), ()))])
    opened.close()
    return path


ROUTE = "the config has no route `shels in prod`; did you mean `shells in prod`?"
CHANNEL = "the config has no channel `pagr`; did you mean `pager`?"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["history", "--route", "shels in prod"], f"history: no alert found: {ROUTE}"),
        (["history", "--channel", "pagr"], f"history: no alert found: {CHANNEL}"),
        (["history", "--rule", "Shel"], "history: no alert found: the routes import no rule `Shel`; did you mean `Shell`?"),
        (["history", "--route", "shells in prod"], "history: no alert found"),
        (["history", "--route", "shells of last year", "--since", "1970-01-01"], ""),
        (["dead", "list", "--channel", "pagr"], f"dead: {CHANNEL}"),
        (["dead", "retry", "--channel", "pagr"], f"dead: {CHANNEL}"),
        (["dead", "list", "--channel", "pager"], ""),
        (["show", ALERT.id, "--channel", "pagr"], f"show: {CHANNEL}"),
        (["show", ALERT.id, "--channel", "pager"], ""),
    ],
)  # fmt: skip
def test_an_unknown_name_is_said_where_nothing_is_found(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    """Alerts that name an earlier route or channel are found nevertheless."""
    main([*words, "--config", str(folder / "falco-bridge.yaml")])
    assert capsys.readouterr().err.strip() == (said and f"falco-bridge {said}")


@pytest.mark.parametrize("verb", [["tail"], ["history", "--follow"]])
def test_an_unknown_name_is_said_before_alerts_are_waited_for(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, verb: list[str]
) -> None:
    """They may never come."""
    monkeypatch.setattr("bridge.history.follow.follow", lambda *_: iter(()))
    main([*verb, "--route", "shels in prod", "--config", str(folder / "falco-bridge.yaml")])
    assert f"falco-bridge {verb[0]}: {ROUTE}" in capsys.readouterr().err
