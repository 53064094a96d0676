"""What a phone shows: push texts, priorities, contrast; and texts that cannot imitate rows."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from msgspec import structs

from bridge.alert import Priority
from bridge.channels.message.compose import compose, message_of
from bridge.channels.message.message import Message, MessageLink
from bridge.channels.render import discord, mail, mattermost, ntfy, opsgenie, plain, slack, teams, telegram
from bridge.channels.render.colour import badge_colour
from bridge.routing import NotificationKind
from tests.channels.deliveries import make_delivery

FIELDS = {"user.name": "root", "proc.cmdline": "rm -rf /data", "k8s.ns.name": "prod", "k8s.pod.name": "api-0"}


def message(severity: Priority = Priority.CRITICAL, *, output: str = "x", hostname: str = "node-1") -> Message:
    made = make_delivery(output=output, output_fields=FIELDS, hostname=hostname)
    return compose(replace(made, notification=structs.replace(made.notification, severity=severity)), {})


def test_push_texts_say_who_what_and_where() -> None:
    """Slack, Teams, Opsgenie, ntfy and the subject of an e-mail: in the order of the second line."""
    shown = message()
    texts = (
        slack.payload({}, shown)["text"],
        teams.payload({}, shown)["attachments"][0]["content"]["fallbackText"],
        opsgenie.payload({}, shown)["message"],
        ntfy.payload({"topic": "t"}, shown)["title"],
        mail.mail_content(shown).subject,
    )
    assert set(texts) == {"[CRITICAL] Terminal shell — root: rm -rf /data · prod/api-0 on node-1"}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("ip-10-0-3-7.eu-west-1.compute.internal", "ip-10-0-3-7"),
        ("10.0.3.7", "10.0.3.7"),
        ("node-3", "node-3"),
        (".hidden", ".hidden"),
    ],
)
def test_the_second_line_has_no_domain(name: str, shown: str) -> None:
    """The row ``host`` has the whole name."""
    made = message(hostname=name)
    assert made.summary.endswith(f" on {shown}")
    assert ("host", name) in [(fact.name, fact.value) for fact in made.facts]


def test_subjects_have_no_double_spaces() -> None:
    """Titles pad their values."""
    made = make_delivery(output_fields=FIELDS)
    padded = replace(made, notification=structs.replace(made.notification, title="%20user.name in %k8s.ns.name"))
    assert mail.mail_content(compose(padded, {})).subject.startswith("[CRITICAL] root in prod — root: ")


@pytest.mark.parametrize(
    ("severity", "priority", "silent"),
    [
        (Priority.EMERGENCY, 5, False),
        (Priority.ERROR, 4, False),
        (Priority.NOTICE, 3, False),
        (Priority.INFORMATIONAL, 2, True),
        (Priority.DEBUG, 1, True),
    ],
)
def test_a_phone_is_as_loud_as_the_severity(severity: Priority, priority: int, *, silent: bool) -> None:
    """Ntfy by its priority; Telegram without a sound below notice."""
    assert ntfy.payload({"topic": "t"}, message(severity))["priority"] == priority
    assert telegram.payload({"chat_id": "1"}, message(severity)).get("disable_notification", False) is silent


@pytest.mark.parametrize("kind", [NotificationKind.ACKNOWLEDGED, NotificationKind.RESOLVED])
def test_the_end_of_an_incident_wakes_no_one(kind: NotificationKind) -> None:
    """However bad it was."""
    over = replace(message(Priority.CRITICAL), kind=kind)
    assert ntfy.payload({"topic": "t"}, over)["priority"] == 2
    assert telegram.payload({"chat_id": "1"}, over)["disable_notification"] is True


def test_ntfy_stays_below_its_limit() -> None:
    """A longer message would become an attachment."""
    posted = ntfy.payload({"topic": "t"}, message(output="\u00e9\n" * 10_000))
    assert len(json.dumps(posted)) <= 4096
    assert "rm -rf /data" in posted["message"]


@pytest.mark.parametrize("prefix", ["05:06:07.123456789: Warning ", "2026-03-04T05:06:07.123456789+0000: Critical "])
def test_the_text_has_no_second_severity(prefix: str) -> None:
    """Falco writes time and priority before the output; the message has both already."""
    assert message(output=f"{prefix}Shell in api-0").text == "Shell in api-0"
    assert message(output=f"A {prefix}b").text == f"A {prefix}b"


def test_lines_of_a_text_cannot_imitate_rows() -> None:
    """In plain text, every further line is indented."""
    body = plain.body(message(output="Shell\nuser.name: nobody\n\nid: 1234"))
    assert "\nuser.name: nobody" not in body
    assert "\nid: 1234" not in body
    assert body.count("\nuser.name: ") == 1
    assert body.count("\nid: ") == 1


def test_telegram_gets_no_invisible_characters_but_before_names() -> None:
    """Only ``@name`` is a mention there."""
    sent = telegram.payload({"chat_id": "1"}, replace(message(), headline="<b> & <at>"))
    assert "\u2060" not in sent["text"]


def test_digests_use_the_room_of_teams_and_discord() -> None:
    """All lines of forty alerts, within 28 KB and 4096 characters."""
    alerts = [make_delivery(n, rule=f"Rule {n}", output_fields=FIELDS, hostname=f"node-{n}") for n in range(40)]
    digest = message_of(alerts, {})
    card = json.dumps(teams.payload({}, digest), ensure_ascii=False)
    assert len(card.encode()) < 28_000
    assert all(f"Rule {n} — root: rm -rf /data" in card for n in range(40))
    (embed,) = discord.payload({}, digest)["embeds"]
    assert 2500 < len(embed["description"]) <= 4096


@pytest.mark.parametrize("sign", ["*", "&", "`", "\U0001f980", "x"])
def test_no_alert_of_a_digest_of_long_names_disappears(sign: str) -> None:
    """Neither where escaping makes the text longer, nor where there are links. Those without a line are counted."""
    command = {"user.name": sign * 100, "proc.cmdline": sign * 160, "k8s.ns.name": sign * 160}
    alerts = [make_delivery(n, rule=f"Rule {n}", output_fields=command, hostname=f"{sign * 90}{n}") for n in range(40)]
    links = tuple(MessageLink(f"Link {n}", f"https://wiki.example.com/{'a' * 200}") for n in range(4))
    digest = replace(message_of(alerts, {}), links=links)
    (embed,) = discord.payload({}, digest)["embeds"]
    (attachment,) = mattermost.payload({}, digest)["attachments"]
    section = slack.payload({}, digest)["attachments"][0]["blocks"][1]
    texts = (embed["description"], attachment["text"], section["text"]["text"])
    for text, limit in zip(texts, (4096, 6000, 3000), strict=True):
        assert len(text) <= limit
        listed = len(re.findall(r"\[CRIT", text))
        more = re.search(r"… and (\d+) more \(see", text)
        assert listed + (int(more[1]) if more else 0) == 40


def test_a_digest_of_long_lines_stays_within_the_limit_of_teams() -> None:
    """Characters of four bytes count as four."""
    alerts = [make_delivery(n, rule="\U0001f980" * 200, hostname="\U0001f980" * 50) for n in range(40)]
    assert len(json.dumps(teams.payload({}, message_of(alerts, {})), ensure_ascii=False).encode()) < 28_000


def luminance(colour: str) -> float:
    """WCAG 2.1, relative luminance."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [each / 12.92 if each <= 0.03928 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


PAIRS = [
    *(("#ffffff", badge_colour(priority)) for priority in Priority),
    ("#ffffff", "#1f6feb"), ("#57606a", "#ffffff"), ("#6b7280", "#ffffff"), ("#1c2024", "#f3f4f6"),
    ("#9198a1", "#161b22"), ("#e6edf3", "#161b22"), ("#e6edf3", "#0d1117"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "background"), PAIRS)
def test_text_in_mails_can_be_read(text: str, background: str) -> None:
    """WCAG 2.1, level AA: a contrast of at least 4.5. The colours are those of the style."""
    assert contrast(text, background) >= 4.5
    assert {text, background} <= {*(badge_colour(priority) for priority in Priority), *mail.COLOURS}
