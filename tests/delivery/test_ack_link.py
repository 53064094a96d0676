"""Acknowledgement links: what a token says, and that others cannot make one."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.alert import Priority
from bridge.delivery import Delivery
from bridge.delivery.ack_link import PATH, AckLinks, Claim, read_token, sign
from bridge.routing import Notification, NotificationContext, NotificationKind
from tests.support.builders import alert

KEY, OTHER = b"k" * 32, b"o" * 32
CLAIM = Claim("00112233445566ff", "chat")


def test_a_token_is_valid_until_it_expires_and_for_its_key_only() -> None:
    """Half-open: not at the second of its expiry."""
    token = sign(CLAIM, 1000, KEY)
    assert read_token(token, 999.9, KEY) == CLAIM
    assert read_token(token, 1000.0, KEY) is None
    assert read_token(token, 1.0, OTHER) is None


@given(st.integers(0, 200), st.characters(codec="ascii"))
def test_a_changed_token_is_not_valid(at: int, character: str) -> None:
    """Not one character of it can be changed, added or removed."""
    token = sign(CLAIM, 1000, KEY)
    at %= len(token)
    for changed in (token[:at] + character + token[at + 1 :], token[:at], token + character):
        if changed != token:
            assert read_token(changed, 1.0, KEY) != Claim("ffffffffffffffff", "chat")
            assert read_token(changed, 1.0, KEY) in {None, CLAIM}, (
                "base64 ignores some characters; the claim is the same"
            )


@pytest.mark.parametrize("token", ["", "x", "é" * 40, "A" * 301, "=" * 40, "AAAA" * 20])
def test_other_texts_are_no_tokens(token: str) -> None:
    """Nor is an incident without an id signed."""
    assert read_token(token, 1.0, KEY) is None
    assert sign(Claim("", "chat"), 1000, KEY) == ""
    assert sign(Claim("zz", "chat"), 1000, KEY) == ""


def delivery(kind: NotificationKind | None) -> Delivery:
    context = None if kind is None else NotificationContext(kind, incident=CLAIM.incident)
    return Delivery(1, alert(1), Notification("chat", ("r",), Priority.ERROR, context=context), 0, 5_000_000_000)


def test_what_has_an_incident_gets_a_link_and_each_attempt_the_same() -> None:
    """Not what has none, and not the notification that it has ended."""
    links = AckLinks("https://b.example/100%25", 60_000_000_000, KEY)
    found = links.added(delivery(NotificationKind.ESCALATION))
    (link,) = found.notification.links
    url = link.filled(lambda _name: None)
    assert url is not None
    assert url.startswith(f"https://b.example/100%25{PATH}")
    assert read_token(url.rpartition("/")[2], 64.0, KEY) == CLAIM
    assert read_token(url.rpartition("/")[2], 65.0, KEY) is None
    again = msgspec.structs.replace(found.notification, links=())
    assert links.added(Delivery(1, found.alert, again, 3, found.created_ns)).notification == found.notification
    for kind in (None, NotificationKind.RESOLVED, NotificationKind.ACKNOWLEDGED):
        assert links.added(delivery(kind)).notification.links == ()
