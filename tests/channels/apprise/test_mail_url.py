"""URLs of e-mail from which somebody would get no e-mail, or with which no server accepts one."""

from __future__ import annotations

import pytest

from bridge.channels.registry import problem_with

LOGIN = "mailtos://falco:pass.word@mail.example.com"
FULL = "write full addresses, such as secops@example.com, with commas between them"
SYSLOG = (
    "is not a valid syslog:// URL, which is the syslog of this machine; "
    "for a server, write syslog+tls://HOST, syslog+tcp://HOST or syslog+udp://HOST"
)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        (f"{LOGIN}?to=secops@x.y", f"has no recipient; {FULL}"),
        (f"{LOGIN}?to=secops", f"has no recipient; {FULL}"),
        (f"{LOGIN}?to=a@example.com,root@localhost", f"has an address in `to` that would get no e-mail; {FULL}"),
        (f"{LOGIN}?to=a@example.com&cc=b@x.y", f"has an address in `cc` that would get no e-mail; {FULL}"),
        (f"{LOGIN}?to=a@example.com&bcc=b@x.y,c@example.com", f"has an address in `bcc` that would get no e-mail; {FULL}"),
        ("mailtos://falco:@mail.example.com?to=a@example.com",
         "has an empty password; write mailtos://USER:PASSWORD@HOST?from=ADDRESS&to=ADDRESS"),
        ("mailto://falco@gmail.com",
         "has no password, which this provider requires; write mailtos://USER:PASSWORD@HOST"),
        ("mailtos://mail.example.com?to=a@x.y",
         "is not a complete mailtos:// URL; write mailtos://USER:PASSWORD@HOST?from=ADDRESS&to=ADDRESS"),
        ("syslog://log.example.com",
         SYSLOG),
    ],
)  # fmt: skip
def test_a_url_that_misses_a_recipient_is_refused(url: str, problem: str) -> None:
    """Apprise drops such addresses; the message would count as delivered without them."""
    assert problem_with(url, {}) == problem


@pytest.mark.parametrize(
    "url",
    [
        f"{LOGIN}?to=secops@example.com,ONCALL@Example.com&cc=a@example.com,A@example.com",
        f"{LOGIN}?from=falco@example.com&to=Bob <bob@example.com>, b@example.com",
        f"{LOGIN}?to=sec+ops@example.com,b%40example.com",
        f"{LOGIN}/a@example.com/b@example.com",
        f"{LOGIN}?to=root@localhost",
        "mailto://mail.example.com?from=falco@example.com&to=secops@example.com",
        "mailto://falco@mail.example.com?to=secops@example.com",
        "mailto://falco@gmail.com?smtp=relay.example.com&to=secops@example.com",
        "mailto://falco:pass.word@gmail.com",
    ],
)
def test_a_url_that_reaches_all_recipients_is_used(url: str) -> None:
    """Also by a relay that needs no login, and with addresses that are written twice."""
    assert problem_with(url, {}) is None
