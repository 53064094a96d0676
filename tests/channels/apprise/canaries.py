"""``python -m tests.channels.apprise.canaries PORT``: sends through every scheme of Apprise with canaries as secrets.

Prints a JSON line with the schemes that it could open, and then outcomes and logs. ``PORT`` is the port of a server
that echoes requests. It is a separate process because interception is process-wide.
"""

# ruff: noqa: T201  # Its output is the result.

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

CANARY = "c0ffee"
"""Hexadecimal, so that most services accept it."""
_SEEDS = ("{0}{1}", "{0}{1}0", "xoxb-{0}{1}", "{0}-{1}", "SK{0}{1}", "AC{0}{1}", "1{1}:{0}{1}")
_SECONDS = 400.0
"""More than any plugin needs on a busy machine."""
_PLAIN = {"host": "127.0.0.1", "hostname": "127.0.0.1", "domain": "example.com", "from_email": "a@example.com",
          "email": "a@example.com", "to_email": "b@example.com", "phone": "15551234567", "from_phone": "15551234567",
          "target_phone": "15551234568", "targets": "15551234568", "channel": "general", "topic": "topic"}  # fmt: skip
_LONG = CANARY * 11
_BY_HAND = {
    "acs": f"acs://a@example.com/{CANARY}{CANARY}/mail.example.com/b@example.com",
    "amqp": f"amqp://user:{CANARY}PORT@127.0.0.1:PORT/queue",
    "amqps": f"amqps://user:{CANARY}PORT@127.0.0.1:PORT/queue",
    "awswhatsapp": f"awswhatsapp://{_LONG[:20]}/{_LONG[:40]}/us-east-1/phone-number-id-{CANARY}/15551234567",
    "cliq": f"cliq://1000.{_LONG[:32]}.{_LONG[:32]}/#channel",
    "deltachat": f"deltachat://user:{CANARY}PORT@127.0.0.1:PORT/b@example.com?from=a@example.com&mode=insecure",
    "deltachats": f"deltachats://user:{CANARY}PORT@127.0.0.1:PORT/b@example.com?from=a@example.com",
    "fluxer": f"fluxer://127.0.0.1:PORT/1234567890123/{_LONG[:32]}",
    "fluxers": f"fluxers://fluxer.example.com/1234567890123/{_LONG[:32]}",
    "groundmail": f"groundmail://{_LONG[:32]}:a@example.com/b@example.com",
    "gupshup": f"gupshup://app:{_LONG[:32]}@15551234567/15551234568",
    "lauther": f"lauther://lpt_{_LONG[:32]}",
    "mailgun": f"mailgun://user@example.com/{_LONG[:32]}-{_LONG[:8]}-{_LONG[:8]}/b@example.com",
    "mailto": f"mailto://user:{CANARY}PORT@127.0.0.1:PORT?from=a@example.com&to=b@example.com&mode=insecure",
    "mailtos": f"mailtos://user:{CANARY}PORT@127.0.0.1:PORT?from=a@example.com&to=b@example.com",
    "mastodon": f"mastodon://{_LONG[:32]}@127.0.0.1:PORT/@someone",
    "mastodons": f"mastodons://{_LONG[:32]}@mastodon.example.com/@someone",
    "misskey": f"misskey://{_LONG[:32]}@127.0.0.1:PORT",
    "misskeys": f"misskeys://{_LONG[:32]}@misskey.example.com",
    "msgbird": f"msgbird://{_LONG[:25]}/15551234567/15551234568",
    "nostr": f"nostr://{_LONG[:64]}",
    "notifico": f"notifico://127.0.0.1:PORT/1234/{_LONG[:32]}",
    "notificos": f"notificos://notifico.example.com/1234/{_LONG[:32]}",
    "octopush": f"octopush://{CANARY}@example.com/{_LONG[:32]}/15551234568",
    "pagertree": f"pagertree://int_{_LONG[:10]}",
    "pingram": f"pingram://falco@pingram_sk_{_LONG[:32]}/b@example.com",
    "plivo": f"plivo://{_LONG[:25]}@{_LONG[:40]}/15551234567/15551234568",
    "pushward": f"pushward://hlk_{_LONG[:32]}",
    "resend": f"resend://{_LONG[:32]}:a@example.com/b@example.com",
    "sendpulse": f"sendpulse://user@example.com/{_LONG[:32]}/{_LONG[:40]}/b@example.com",
    "ses": f"ses://a@example.com/{_LONG[:20]}/{_LONG[:40]}/us-east-1/b@example.com",
    "session": f"session://{_LONG[:64]}:{_LONG[:64]}@127.0.0.1:PORT/room",
    "sessions": f"sessions://{_LONG[:64]}:{_LONG[:64]}@session.example.com/room",
    "smseagle": f"smseagle://{_LONG[:32]}@127.0.0.1:PORT/15551234568",
    "smseagles": f"smseagles://{_LONG[:32]}@smseagle.example.com/15551234568",
    "smtp2go": f"smtp2go://user@example.com/api-{_LONG[:32]}/b@example.com",
    "sns": f"sns://{_LONG[:20]}/{_LONG[:40]}/us-east-1/#topic",
    "sogs": f"sogs://{_LONG[:64]}:{_LONG[:64]}@127.0.0.1:PORT/room",
    "sparkpost": f"sparkpost://user@example.com/{_LONG[:40]}/b@example.com",
    "threema": f"threema://*FALCO01@{_LONG[:16]}/15551234568",
    "toot": f"toot://{_LONG[:32]}@127.0.0.1:PORT/@someone",
    "toots": f"toots://{_LONG[:32]}@mastodon.example.com/@someone",
    "trigv": f"trigv://trgv_{_LONG[:8]}_{_LONG[:32]}@127.0.0.1:PORT/channel",
    "trigvs": f"trigvs://trgv_{_LONG[:8]}_{_LONG[:32]}@trigv.example.com/channel",
    "vapid": f"vapid://{CANARY}@example.com/b@example.com",
    "wechat": f"wechat://{_LONG[:18]}:{_LONG[:43]}@1000002/@someone",
    "whatsapp": f"whatsapp://{_LONG[:40]}@123456789012345/15551234568",
    "wpush": f"wpush://WPUSH{_LONG[:27]}/topic",
    "wxpusher": f"wxpusher://AT_{_LONG[:32]}/UID_abcdefghij",
    "youlmk": f"youlmk://ylk_{_LONG[:32]}",
    "zcliq": f"zcliq://1000.{_LONG[:32]}.{_LONG[:32]}/#channel",
    "zohocliq": f"zohocliq://1000.{_LONG[:32]}.{_LONG[:32]}/#channel",
}
"""URLs of services whose templates do not lead to a valid URL with a canary."""


def _canaries(number: int) -> Iterator[str]:
    """Secrets of many forms that contain the canary."""
    for length in (32, 40, 24, 64, 20, 16, 36, 30, 48, 8):
        tail = (CANARY * 12)[len(CANARY) + 2 : length - 2]
        text = f"{CANARY}{number % 100:02d}{tail}"[:length]
        for seed in _SEEDS:
            yield seed.format(text, number)
            yield seed.format(text, number).upper()
    hexed = f"{CANARY}{number % 100:02d}"
    yield f"{hexed}-c0ff-4e00-a0ff-{CANARY * 2}"


def value_for(name: str, token: dict[str, Any], number: int, port: int) -> str:
    """A valid value for a part of a URL, as Apprise describes it; a canary if it is a secret."""
    if name == "port":
        return str(port)
    if token.get("private") or name in {"user", "password"}:
        pattern, flags, *_ = (*(token.get("regex") or (".*",)), "")
        form = re.compile(pattern, re.IGNORECASE if "i" in (flags or "") else 0)
        return next((each for each in _canaries(number) if form.match(each)), f"{CANARY}{number}")
    if token.get("values"):
        return str(token.get("default") or next(iter(token["values"])))
    if token.get("type") in {"int", "float"}:
        return str(token.get("min") or 1)
    return _PLAIN.get(name, "name")


def known_services() -> dict[str, Any]:
    """Apprise's plugin classes, by scheme."""
    from apprise.manager_plugins import NotificationManager

    known = NotificationManager()
    return {scheme: known[scheme] for scheme in sorted(known.schemas())}


def urls(port: int) -> dict[str, list[str]]:
    """Valid URLs that contain a canary, by scheme."""
    import apprise

    made: dict[str, list[str]] = {}
    for scheme, plugin in known_services().items():
        for template in plugin.templates:
            url = template.replace("{schema}", scheme)
            for number, name in enumerate(re.findall(r"{(\w+)}", url)):
                token = plugin.template_tokens.get(name, {})
                url = url.replace("{" + name + "}", value_for(name, token, number, port))
            if CANARY in url.lower() and apprise.Apprise.instantiate(url, suppress_exceptions=True) is not None:
                made.setdefault(scheme, []).append(url)
    by_hand = {scheme: url.replace("PORT", str(port)) for scheme, url in _BY_HAND.items() if scheme not in made}
    return made | {
        scheme: [url]
        for scheme, url in by_hand.items()
        if apprise.Apprise.instantiate(url, suppress_exceptions=True) is not None
    }


def main(port: int) -> None:
    """Send one delivery through each, in several threads."""
    from bridge.channels.apprise import intercept
    from bridge.channels.registry import open_channel
    from bridge.common.log_setup import configure_logging
    from bridge.common.masking import secrets_in
    from tests.channels.deliveries import make_delivery

    made = urls(port)
    print(json.dumps({scheme: len(each) for scheme, each in made.items()}), flush=True)
    every = [url for each in made.values() for url in each]
    configure_logging("debug", "json", frozenset().union(*map(secrets_in, every)))
    intercept.install()

    def send(url: str) -> None:
        try:
            channel = open_channel("c", url, {})
            print(url.partition(":")[0], repr(channel), channel.send([make_delivery()]), flush=True)
        except BaseException as error:
            print(repr(error), flush=True)
            raise

    pool = ThreadPoolExecutor(16)
    done, left = wait([pool.submit(send, url) for url in every], _SECONDS)
    print(json.dumps({"sent": len(done), "left": len(left)}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
