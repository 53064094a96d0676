"""How decisions are written to the journal and read back."""

from __future__ import annotations

import pytest

from bridge.journal.codec import decode_decisions, encode_decisions
from bridge.routing import Decision, Reason


@pytest.mark.parametrize("reason", list(Reason))
def test_a_decision_is_read_back_as_it_was_written(reason: Reason) -> None:
    """With every reason there is."""
    decisions = (Decision("r", reason, ("a", "b")), Decision("q", reason))
    assert decode_decisions(encode_decisions(decisions)) == decisions


def test_the_old_word_notified_is_read_as_sent() -> None:
    """Journals of format 3 hold it."""
    old = b'[["r","notified",["a"]],["q","dropped",[]],["otherwise","unmatched",["z"]]]'
    assert decode_decisions(old) == (
        Decision("r", Reason.SENT, ("a",)),
        Decision("q", Reason.DROPPED),
        Decision("otherwise", Reason.UNMATCHED, ("z",)),
    )
