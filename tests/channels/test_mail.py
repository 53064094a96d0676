"""Letters, as a real SMTP server receives them; and what its answers mean."""

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
from tests.channels.hostile import CORPUS, WORD, seen, unseen
from tests.support.certificates import make_authority
from tests.support.mail_server import MailServer, mail_server

pytestmark = pytest.mark.usefixtures("probed")

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


def test_each_recipient_gets_a_letter_of_two_parts(server: MailServer) -> None:
    """One letter each; subject and both parts tell it; the headers are ours and no others."""
    assert send(server) == Outcome(Verdict.DELIVERED, 250)
    assert [letter.recipients for letter in server.letters] == [["secops@example.com"], ["oncall@example.com"]]
    letter = server.letters[0]
    assert str(letter.message["Subject"]) == "[CRITICAL] Terminal shell — eu-1 · payments on node-1"
    assert (str(letter.message["From"]), str(letter.message["To"])) == (
        "Falco <falco@example.com>",
        "secops@example.com",
    )
    assert set(letter.message.keys()) == HEADERS
    assert letter.message.get_content_type() == "multipart/alternative"
    for part in (letter.part("plain"), letter.part("html")):
        for told in ("Terminal shell", "payments", "rm -rf /", "20072", "shell in a pod", "route x", "eu-1", "c"):
            assert told in part


def test_a_copy_and_an_answer_have_their_headers(server: MailServer) -> None:
    """What the URL asks for is kept: copies, hidden ones, where to reply."""
    more = "&cc=boss@example.com&bcc=archive@example.com&reply=noreply@example.com"
    assert channel(server.port, more).send([make_delivery()]).verdict is Verdict.DELIVERED
    letter = server.letters[0]
    assert sorted(letter.recipients) == ["archive@example.com", "boss@example.com", "secops@example.com"]
    assert str(letter.message["Cc"]) == "boss@example.com"
    assert str(letter.message["Reply-To"]) == "noreply@example.com"
    assert "archive" not in letter.message.as_string()


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("450 4.2.1 greylisted", Verdict.RETRY),
        ("452 4.2.2 full", Verdict.RETRY),
        ("550 5.1.1 no such user", Verdict.CHANNEL_FAULT),
    ],
)
def test_what_the_server_says_of_a_recipient_counts(server: MailServer, reply: str, verdict: Verdict) -> None:
    """4xx: again later; 5xx: when the address is mended. Its own words are the reason."""
    server.to_recipient = lambda _address: reply
    outcome = send(server)
    assert (outcome.verdict, outcome.status) == (verdict, int(reply[:3]))
    assert outcome.reason == f"2 of 2 targets: SMTP {reply[:3]}: {reply[4:]}"


@pytest.mark.parametrize(
    ("reply", "verdict"), [("451 4.7.1 try later", Verdict.RETRY), ("554 5.7.1 spam", Verdict.REJECTED)]
)
def test_what_the_server_says_of_a_letter_counts(server: MailServer, reply: str, verdict: Verdict) -> None:
    """The same after the letter was read."""
    server.to_data = reply
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
def test_no_letter_dies_of_its_sender(server: MailServer, reply: str, verdict: Verdict) -> None:
    """The address is the channel's; but a size that is too large, told with it, is the letter's."""
    server.to_sender = reply
    outcome = send(server)
    assert (outcome.verdict, outcome.status) == (verdict, int(reply[:3]))


def test_no_letter_dies_of_a_greeting() -> None:
    """A server that takes none from this machine (RFC 5321, 3.1) has not seen it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        intercept.install(RequestTimeouts(read=5.0))

        def greet() -> None:
            with listener.accept()[0] as far_side:
                far_side.sendall(b"554 5.7.1 no service for this address\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        outcome = channel(listener.getsockname()[1]).send([make_delivery()])
        thread.join(5)
    assert (outcome.verdict, outcome.reason) == (Verdict.CHANNEL_FAULT, "SMTP 554: 5.7.1 no service for this address")


@pytest.mark.parametrize("farewell", ["421 4.3.2 shutting down", "502 5.5.1 what?"])
def test_a_rude_farewell_repeats_no_letter(server: MailServer, farewell: str) -> None:
    """What was taken before it was taken."""
    server.to_farewell = farewell
    assert send(server) == Outcome(Verdict.DELIVERED, 250)


@pytest.mark.parametrize(("reply", "verdict"), [("450 later", Verdict.RETRY), ("550 who?", Verdict.REJECTED)])
def test_a_copy_that_is_taken_hides_no_refusal(server: MailServer, reply: str, verdict: Verdict) -> None:
    """The one to whom the letter is written has not got it; for good, it is not sent to the others again and again."""
    server.to_recipient = lambda address: "250 OK" if address.startswith("boss") else reply
    outcome = channel(server.port, "&cc=boss@example.com").send([make_delivery()])
    assert (outcome.verdict, outcome.reason) == (verdict, f"2 of 2 targets: SMTP {reply[:3]}: {reply[4:]}")
    assert outcome.applies_to_whole_batch, "by halves, a digest would reach the copy a hundred times"


def test_who_has_the_letter_does_not_get_it_again(server: MailServer) -> None:
    """One recipient is put off, the other served; the retry reaches only the one."""
    mail = channel(server.port)
    server.to_recipient = lambda address: "450 4.2.1 later" if address.startswith("oncall") else "250 OK"
    outcome = mail.send([make_delivery()])
    assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, "1 of 2 targets: SMTP 450: 4.2.1 later")
    server.to_recipient = lambda _address: "250 OK"
    assert mail.send([make_delivery()]).verdict is Verdict.DELIVERED
    assert [letter.recipients for letter in server.letters] == [["secops@example.com"], ["oncall@example.com"]]


def test_every_attempt_has_the_same_message_id(server: MailServer) -> None:
    """And another recipient or delivery another: who looks for it takes no letter twice."""
    for _ in range(2):
        send(server)
    channel(server.port).send([make_delivery(2)])
    ids = [str(letter.message["Message-ID"]) for letter in server.letters]
    assert ids[:2] == ids[2:4]
    assert len(set(ids)) == 4
    assert all(each.endswith("@example.com>") for each in ids)


def test_a_letter_goes_encrypted_and_with_a_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """STARTTLS with an authority that is trusted; a password that is wrong is refused by the server, and not told."""
    authority = make_authority(tmp_path)
    with mail_server(authority.issue("mail"), auth=True) as server:
        url = f"mailtos://user:PASSWORD@localhost:{server.port}?from=falco@example.com&to=secops@example.com"
        right, wrong = (url.replace("PASSWORD", word) for word in ("right-password", "wrong-password"))
        untrusted = open_channel("mail", right, {}).send([make_delivery()])
        assert untrusted.reason.startswith("TLS certificate not trusted: ")
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
        assert open_channel("mail", right, {}).send([make_delivery()]).verdict is Verdict.DELIVERED
        assert (server.letters[0].encrypted, server.letters[0].login) == (True, "user")
        refused = open_channel("mail", wrong, {}).send([make_delivery()])
        assert (refused.verdict, refused.status) == (Verdict.CHANNEL_FAULT, 535)
        assert "wrong-password" not in refused.reason


def test_no_half_of_a_secret_is_told(server: MailServer) -> None:
    """Where a server repeats it just where the reason is cut."""
    mail = open_channel(
        "mail", f"mailto://127.0.0.1:{server.port}?from=canary@example.com&to=b@example.com&mode=insecure", {}
    )
    for length in range(270, 300):
        server.to_recipient = lambda _address, length=length: f"550 {'x' * length} canary@example.com"  # type: ignore[misc]
        outcome = mail.send([make_delivery()])
        assert outcome.status == 550
        assert "canary" not in outcome.reason


def test_a_server_without_encryption_gets_no_letter(server: MailServer) -> None:
    """An attacker who hides STARTTLS neither reads the letter nor makes it a dead one."""
    url = f"mailtos://127.0.0.1:{server.port}?from=falco@example.com&to=secops@example.com&mode=starttls"
    outcome = open_channel("mail", url, {}).send([make_delivery()])
    assert outcome.verdict is Verdict.RETRY
    assert "STARTTLS" in outcome.reason
    assert not server.letters


def test_silence_refusal_and_hanging_up_are_tried_again() -> None:
    """Nobody there, nothing said in time, half a greeting."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        intercept.install(RequestTimeouts(read=0.2))
        outcome = channel(silent.getsockname()[1]).send([make_delivery()])
        assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, "timed out")
        port = silent.getsockname()[1]
    outcome = channel(port).send([make_delivery()])
    assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, "connection refused: nothing listens on this port")


class Page(HTMLParser):
    """Tags, attributes and text of a page, as a browser takes it apart."""

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
def test_what_attackers_write_stays_text_in_a_letter(server: MailServer, name: str) -> None:
    """No header, no recipient, no tag, no attribute of theirs; nothing invisible; bounded; the word is there."""
    value = CORPUS[name]
    fields = {"proc.cmdline": value, "user.name": value, "k8s.ns.name": value, "fd.name": value}
    alert = Alert("c0ffee", 1, Priority.WARNING, value, value, value, (value,), value, fields)
    notification = Notification("mail", ("route",), Priority.CRITICAL, "%user.name ran %proc.cmdline", "%output")
    assert channel(server.port).send([Delivery(1, alert, notification, 0, 1)]).verdict is Verdict.DELIVERED
    letter = server.letters[0]
    assert letter.recipients == ["secops@example.com"]
    assert len(server.letters) == 2
    assert set(letter.message.keys()) == HEADERS
    assert seen(str(letter.message["Subject"])).startswith(f"[CRITICAL] {WORD}")
    assert len(letter.raw) < 512 * 1024
    assert max(map(len, letter.raw.split(b"\r\n"))) <= 998
    page = Page(letter.part("html"))
    assert page.tags <= TAGS
    assert page.attributes <= {"lang", "charset", "name", "content", "style", "class", "role"}
    text = letter.part("plain")
    assert not unseen(text + "".join(page.texts))
    assert WORD in text
    assert WORD in "".join(page.texts)


def test_a_digest_names_every_alert_in_both_parts(server: MailServer) -> None:
    """Two hundred in one letter."""
    mail = channel(server.port)
    deliveries = [make_delivery(n, rule=f"Rule {n:03}") for n in range(mail.digest_limit)]
    assert mail.send(deliveries).verdict is Verdict.DELIVERED
    letter = server.letters[0]
    assert str(letter.message["Subject"]).startswith(f"[CRITICAL] {len(deliveries)} alerts: Rule 000, Rule 001")
    for part in (letter.part("plain"), letter.part("html")):
        assert not [n for n in range(len(deliveries)) if f"Rule {n:03}" not in part]
