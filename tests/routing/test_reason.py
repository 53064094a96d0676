"""The closed list of reasons."""

from __future__ import annotations

import re

from bridge.routing import Reason

SPECIFIED = """sent digested summarised escalated dropped stopped throttled grouped below_threshold not_new learning
sequence_open sequence_expired key_present suppressed_by_unless waiting silenced outside_schedule merged acknowledged
resolved unmatched state_evicted pending failed unknown"""


def test_the_list_is_closed_and_each_reason_is_one_word() -> None:
    """Reasons are label values of a metric and values in the journal: adding one is a change of both."""
    assert [each.value for each in Reason] == SPECIFIED.split()
    assert all(re.fullmatch("[a-z]+(_[a-z]+)*", each) for each in Reason)


def test_each_reason_has_one_sentence_of_its_own() -> None:
    """The docs are generated from these."""
    meanings = [each.meaning for each in Reason]
    assert len(set(meanings)) == len(meanings)
    assert all(len(meaning.split()) >= 4 and not meaning.endswith(".") for meaning in meanings)


def test_a_reason_is_found_by_its_word() -> None:
    """As a journal spells it."""
    assert Reason("outside_schedule") is Reason.OUTSIDE_SCHEDULE
    assert str(Reason.SENT) == "sent"
