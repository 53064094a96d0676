"""Numbers on the command line that mean nothing are refused with those that are valid."""

from __future__ import annotations

import pytest

from bridge.cli.main import main

HUGE = "9" * 23


@pytest.mark.parametrize(
    ("words", "said"),
    [
        *((["history", "--limit", each], "write a number from 0 to") for each in ("-1", "x", HUGE, "1_0", "1.5")),
        *((["tail", "-n", each], "write a number from 0 to") for each in ("-3", "x", HUGE)),
        *((["quarantine", "list", "--limit", each], "write a number from 1 to") for each in ("-1", "0", "x", HUGE)),
        (["suggest", "--top", "0"], "write a number from 1 to 100"),
        (["replay", "--processes", "257"], "write a number from 1 to 256"),
        (["replay", "--samples", "00000000099999"], "write a number from 0 to 1000"),
        (["simulate", "--count", "0"], "write a number from 1 to"),
        (["simulate", "--seed", "x"], "write a number from 0 to"),
        *((["simulate", "--rate", each], "write a number above 0") for each in ("0", "nan", "inf", "x")),
        *((["demo", "--rate", each], "write a number above 0") for each in ("0", "-1", "nan", "x")),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else None,
)
def test_a_number_that_means_nothing_is_refused(
    capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    """Before anything is read or started; no traceback, no name of a function."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    printed = " ".join(capsys.readouterr().err.split())
    assert (ended.value.code, said in printed) == (2, True), printed
