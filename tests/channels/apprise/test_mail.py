"""E-mail, as a real SMTP server receives it, and what the replies of the server mean."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bridge.alert import Alert, Priority
from bridge.channels.apprise import intercept
from bridge.channels.apprise.timeouts import RequestTimeouts
from bridge.channels.contract import Channel, Outcome, Verdict
from bridge.channels.registry import open_channel
from bridge.delivery import Delivery
from bridge.routing import Notification
from tests.channels.deliveries import make_delivery
from tests.channels.hostile import CORPUS, WORD, invisible_characters, without_zero_width
from tests.support.certificates import make_authority
from tests.support.mail_server import MailServer, mail_server

pytestmark = pytest.mark.usefixtures("intercepted")

HEADERS = {"Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"}
TAGS = {"html", "head", "meta", "title", "style", "body", "div", "span", "h1", "p", "table", "tr", "th", "td"}


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as handler:
        yield handler


def channel(port: int, more: str = "") -> Channel:
    url = f"mailto://127.0.0.1:{port}?from=falco@example.com&to=secops@example.com,oncall@example.com&mode=insecure"
    return open_channel("mail", url + more, {"cluster": "eu-1"})


def send(server: MailServer) -> Outcome:
    return channel(server.port).send([make_delivery()])


def test_each_recipient_gets_an_email_of_two_parts(server: MailServer) -> None:
    """One e-mail each; text and HTML have everything; no unexpected headers."""
    assert send(server) == Outcome(Verdict.DELIVERED, 250)
    assert [email.recipients for email in server.received] == [["secops@example.com"], ["oncall@example.com"]]
    email = server.received[0]
    assert str(email.message["Subject"]) == "[CRITICAL] Terminal shell — rm -rf / · eu-1 · payments on node-1"
    assert (str(email.message["From"]), str(email.message["To"])) == (
        "Falco <falco@example.com>",
        "secops@example.com",
    )
    assert set(email.message.keys()) == HEADERS
    assert email.message.get_content_type() == "multipart/alternative"
    for part in (email.part("plain"), email.part("html")):
        for part_text in ("Terminal shell", "payments", "rm -rf /", "20072", "shell in a pod", "route x", "eu-1", "c"):
            assert part_text in part


def test_copies_and_reply_to_are_supported(server: MailServer) -> None:
    """Cc, Bcc and Reply-To of the URL."""
    more = "&cc=boss@example.com&bcc=archive@example.com&reply=noreply@example.com"
    assert channel(server.port, more).send([make_delivery()]).verdict is Verdict.DELIVERED
    email = server.received[0]
    assert sorted(email.recipients) == ["archive@example.com", "boss@example.com", "secops@example.com"]
    assert str(email.message["Cc"]) == "boss@example.com"
    assert str(email.message["Reply-To"]) == "noreply@example.com"
    assert "archive" not in email.message.as_string()


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("450 4.2.1 greylisted", Verdict.RETRY),
        ("452 4.2.2 full", Verdict.RETRY),
        ("550 5.1.1 no such user", Verdict.CHANNEL_FAULT),
    ],
)
def test_a_rejected_recipient_is_tried_again_or_a_channel_fault(
    server: MailServer, reply: str, verdict: Verdict
) -> None:
    """4xx and 5xx. The reason is the text of the server."""
    server.recipient_reply = lambda _address: reply
    outcome = send(server)
    assert (outcome.verdict, outcome.status) == (verdict, int(reply[:3]))
    assert outcome.reason == f"2 of 2 targets: SMTP {reply[:3]}: {reply[4:]}"


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("451 4.7.1 try later", Verdict.RETRY),
        ("554 5.7.1 spam", Verdict.AMBIGUOUS),
        ("554 5.6.0 malformed", Verdict.REJECTED),
    ],
)
def test_refused_content_is_tried_again_or_a_dead_letter(server: MailServer, reply: str, verdict: Verdict) -> None:
    """4xx and 5xx after DATA. Servers refuse unwelcome senders there, too, so the enhanced code decides."""
    server.data_reply = reply
    outcome = send(server)
    assert (outcome.verdict, outcome.status) == (verdict, int(reply[:3]))
    assert outcome.reason == f"2 of 2 targets: SMTP {reply[:3]}: {reply[4:]}"


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("451 4.3.0 later", Verdict.RETRY),
        ("550 5.7.1 not your address", Verdict.CHANNEL_FAULT),
        ("552 5.3.4 too large", Verdict.REJECTED),
    ],
)
def test_a_rejected_sender_is_a_channel_fault(server: MailServer, reply: str, verdict: Verdict) -> None:
    """But 552, announced with the size, rejects the content."""
    server.sender_reply = reply
    outcome = send(server)
    assert (outcome.verdict, outcome.status) == (verdict, int(reply[:3]))


def test_a_rejecting_greeting_is_a_channel_fault() -> None:
    """The server (RFC 5321, 3.1) has not seen the content."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        intercept.install(RequestTimeouts(read=60.0))

        def greet() -> None:
            with listener.accept()[0] as client:
                client.sendall(b"554 5.7.1 no service for this address\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        outcome = channel(listener.getsockname()[1]).send([make_delivery()])
        thread.join(60)
    assert (outcome.verdict, outcome.reason) == (Verdict.CHANNEL_FAULT, "SMTP 554: 5.7.1 no service for this address")


@pytest.mark.parametrize("reply", ["421 4.3.2 shutting down", "502 5.5.1 what?"])
def test_an_error_at_quit_does_not_repeat_the_email(server: MailServer, reply: str) -> None:
    """It was accepted before."""
    server.quit_reply = reply
    assert send(server) == Outcome(Verdict.DELIVERED, 250)


@pytest.mark.parametrize(("reply", "verdict"), [("450 later", Verdict.RETRY), ("550 who?", Verdict.REJECTED)])
def test_an_accepted_copy_does_not_hide_a_rejected_recipient(server: MailServer, reply: str, verdict: Verdict) -> None:
    """A permanent rejection does not send the copy again and again."""
    server.recipient_reply = lambda address: "250 OK" if address.startswith("boss") else reply
    outcome = channel(server.port, "&cc=boss@example.com").send([make_delivery()])
    assert (outcome.verdict, outcome.reason) == (verdict, f"2 of 2 targets: SMTP {reply[:3]}: {reply[4:]}")
    assert outcome.applies_to_whole_batch, "split, a digest would reach the copy once per part"


def test_a_retry_skips_recipients_that_have_the_email(server: MailServer) -> None:
    """One recipient is deferred, the other served."""
    mail = channel(server.port)
    server.recipient_reply = lambda address: "450 4.2.1 later" if address.startswith("oncall") else "250 OK"
    outcome = mail.send([make_delivery()])
    assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, "1 of 2 targets: SMTP 450: 4.2.1 later")
    server.recipient_reply = lambda _address: "250 OK"
    assert mail.send([make_delivery()]).verdict is Verdict.DELIVERED
    assert [email.recipients for email in server.received] == [["secops@example.com"], ["oncall@example.com"]]


def test_every_attempt_has_the_same_message_id(server: MailServer) -> None:
    """Another recipient or delivery has another. Servers can drop repeats."""
    for _ in range(2):
        send(server)
    channel(server.port).send([make_delivery(2)])
    ids = [str(email.message["Message-ID"]) for email in server.received]
    assert ids[:2] == ids[2:4]
    assert len(set(ids)) == 4
    assert all(each.endswith("@example.com>") for each in ids)


def test_email_is_encrypted_and_the_login_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """STARTTLS with a trusted CA; a wrong password is rejected and not part of the reason."""
    authority = make_authority(tmp_path)
    with mail_server(authority.issue("mail"), auth=True) as server:
        url = f"mailtos://user:PASSWORD@localhost:{server.port}?from=falco@example.com&to=secops@example.com"
        right, wrong = (url.replace("PASSWORD", word) for word in ("right-password", "wrong-password"))
        untrusted = open_channel("mail", right, {}).send([make_delivery()])
        assert untrusted.reason.startswith("TLS certificate of localhost not trusted: ")
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
        assert open_channel("mail", right, {}).send([make_delivery()]).verdict is Verdict.DELIVERED
        assert (server.received[0].encrypted, server.received[0].login) == (True, "user")
        refused = open_channel("mail", wrong, {}).send([make_delivery()])
        assert (refused.verdict, refused.status) == (Verdict.CHANNEL_FAULT, 535)
        assert "wrong-password" not in refused.reason


def test_a_reason_contains_no_part_of_a_secret(server: MailServer) -> None:
    """Even if the server repeats it where the reason is cut."""
    mail = open_channel(
        "mail", f"mailto://127.0.0.1:{server.port}?from=canary@example.com&to=b@example.com&mode=insecure", {}
    )
    for length in range(270, 300):
        server.recipient_reply = lambda _address, length=length: f"550 {'x' * length} canary@example.com"  # type: ignore[misc]
        outcome = mail.send([make_delivery()])
        assert outcome.status == 550
        assert "canary" not in outcome.reason


def test_a_server_without_encryption_gets_no_email(server: MailServer) -> None:
    """Removing STARTTLS neither exposes the e-mail nor makes it a dead letter."""
    url = f"mailtos://127.0.0.1:{server.port}?from=falco@example.com&to=secops@example.com&mode=starttls"
    outcome = open_channel("mail", url, {}).send([make_delivery()])
    assert outcome.verdict is Verdict.RETRY
    assert "STARTTLS" in outcome.reason
    assert not server.received


def test_a_silent_or_closed_server_is_tried_again() -> None:
    """No greeting in time, and a closed port."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        intercept.install(RequestTimeouts(read=0.2))
        outcome = channel(silent.getsockname()[1]).send([make_delivery()])
        assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, "timed out")
        port = silent.getsockname()[1]
    outcome = channel(port).send([make_delivery()])
    assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, "connection refused: nothing listens on this port")


class ParsedHtml(HTMLParser):
    """Tags, attributes and text of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.parametrize("name", CORPUS)
def test_hostile_text_stays_text_in_an_email(server: MailServer, name: str) -> None:
    """It adds no header, recipient, tag or attribute; nothing is invisible; the size is bounded."""
    value = CORPUS[name]
    fields = {"proc.cmdline": value, "user.name": value, "k8s.ns.name": value, "fd.name": value}
    alert = Alert("c0ffee", 1, Priority.WARNING, value, value, value, (value,), value, fields)
    notification = Notification("mail", ("route",), Priority.CRITICAL, "%user.name ran %proc.cmdline", "%output")
    assert channel(server.port).send([Delivery(1, alert, notification, 0, 1)]).verdict is Verdict.DELIVERED
    email = server.received[0]
    assert email.recipients == ["secops@example.com"]
    assert len(server.received) == 2
    assert set(email.message.keys()) == HEADERS
    assert without_zero_width(str(email.message["Subject"])).startswith(f"[CRITICAL] {WORD}")
    assert len(email.raw) < 512 * 1024
    assert max(map(len, email.raw.split(b"\r\n"))) <= 998
    page = ParsedHtml(email.part("html"))
    assert page.tags <= TAGS
    assert page.attributes <= {"lang", "charset", "name", "content", "style", "class", "role"}
    text = email.part("plain")
    assert not invisible_characters(text + "".join(page.texts))
    assert WORD in text
    assert WORD in "".join(page.texts)


def test_a_digest_lists_every_alert_in_both_parts(server: MailServer) -> None:
    """Two hundred in one e-mail."""
    mail = channel(server.port)
    deliveries = [make_delivery(n, rule=f"Rule {n:03}") for n in range(mail.digest_limit)]
    assert mail.send(deliveries).verdict is Verdict.DELIVERED
    email = server.received[0]
    assert str(email.message["Subject"]).startswith(f"[CRITICAL] {len(deliveries)} alerts: Rule 000, Rule 001")
    for part in (email.part("plain"), email.part("html")):
        assert not [n for n in range(len(deliveries)) if f"Rule {n:03}" not in part]
