"""How long a source pauses between two reads of a Falco."""

from __future__ import annotations

from bridge.sources.grpc.pacing import AFTER_ALERTS_SECONDS, IDLE_SECONDS, SHORTEST_SECONDS, Pacing


def test_a_read_of_few_messages_is_followed_by_the_longest_pause() -> None:
    pacing = Pacing()
    assert [pacing.after_read(count) for count in (1, 3, 8)] == [AFTER_ALERTS_SECONDS] * 3


def test_reads_of_many_messages_shorten_the_pause_down_to_its_bound() -> None:
    pacing = Pacing()
    pauses = [pacing.after_read(50) for _ in range(6)]
    assert pauses[0] == AFTER_ALERTS_SECONDS / 2
    assert pauses == sorted(pauses, reverse=True)
    assert pauses[-1] == SHORTEST_SECONDS


def test_the_pause_stays_while_reads_return_what_is_wanted() -> None:
    pacing = Pacing()
    shortened = pacing.after_read(50)
    assert [pacing.after_read(count) for count in (4, 6, 8)] == [shortened] * 3


def test_the_pause_becomes_longer_again_after_a_burst() -> None:
    pacing = Pacing()
    for _ in range(6):
        pacing.after_read(50)
    pauses = [pacing.after_read(1) for _ in range(6)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == AFTER_ALERTS_SECONDS


def test_a_commit_counts_as_a_pause() -> None:
    """No call is open while the messages of a read are committed."""
    assert Pacing().after_read(1, AFTER_ALERTS_SECONDS / 5) == AFTER_ALERTS_SECONDS * 4 / 5
    assert Pacing().after_read(1, AFTER_ALERTS_SECONDS * 2) == 0


def test_an_empty_read_ends_the_burst() -> None:
    pacing = Pacing()
    for _ in range(6):
        pacing.after_read(50)
    pacing.after_read(0)
    assert pacing.after_read(1) == AFTER_ALERTS_SECONDS


def test_pauses_double_while_there_is_nothing_to_read() -> None:
    pacing = Pacing()
    pauses = [pacing.after_read(0) for _ in range(8)]
    assert pauses[1] == 2 * pauses[0]
    assert pauses[-1] == IDLE_SECONDS
