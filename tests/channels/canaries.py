"""``python -m tests.channels.canaries PORT``: every scheme of Apprise's with canaries for secrets, opened and made to fail.

Prints a JSON line with the schemes that it could make a channel of, and then whatever the channels and the log say.
``PORT`` is a server's that echoes what it is sent. A process of its own, for the courier's sessions are the process's.
"""

# ruff: noqa: T201  # it is a program, and what it prints is what is looked at

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

CANARY = "c0ffee"
"""Hexadecimal, so that few services object."""
_SEEDS = ("{0}{1}", "{0}{1}0", "xoxb-{0}{1}", "{0}-{1}", "SK{0}{1}", "AC{0}{1}", "1{1}:{0}{1}")
_SECONDS = 60.0
_PLAIN = {"host": "127.0.0.1", "hostname": "127.0.0.1", "domain": "example.com", "from_email": "a@example.com",
          "email": "a@example.com", "to_email": "b@example.com", "phone": "15551234567", "from_phone": "15551234567",
          "target_phone": "15551234568", "targets": "15551234568", "channel": "general", "topic": "topic"}  # fmt: skip


def _canaries(number: int) -> Iterator[str]:
    """Secrets of many shapes, each of them with the canary in it."""
    for length in (32, 40, 24, 64, 20, 16, 36, 30, 48, 8):
        tail = (CANARY * 12)[len(CANARY) + 2 : length - 2]
        text = f"{CANARY}{number % 100:02d}{tail}"[:length]
        for seed in _SEEDS:
            yield seed.format(text, number)
            yield seed.format(text, number).upper()
    hexed = f"{CANARY}{number % 100:02d}"
    yield f"{hexed}-c0ff-4e00-a0ff-{CANARY * 2}"


def value_for(name: str, told: dict[str, Any], number: int, port: int) -> str:
    """What may stand for that part of a URL, as Apprise describes it; a canary where it is a secret."""
    if name == "port":
        return str(port)
    if told.get("private") or name in {"user", "password"}:
        pattern, flags, *_ = (*(told.get("regex") or (".*",)), "")
        form = re.compile(pattern, re.IGNORECASE if "i" in (flags or "") else 0)
        return next((each for each in _canaries(number) if form.match(each)), f"{CANARY}{number}")
    if told.get("values"):
        return str(told.get("default") or next(iter(told["values"])))
    if told.get("type") in {"int", "float"}:
        return str(told.get("min") or 1)
    return _PLAIN.get(name, "name")


def urls(port: int) -> dict[str, list[str]]:
    """URLs with a canary in them that Apprise makes an object of, by scheme."""
    import apprise
    from apprise.manager_plugins import NotificationManager

    made: dict[str, list[str]] = {}
    known = NotificationManager()
    for scheme in sorted(known.schemas()):
        plugin: Any = known[scheme]
        for template in plugin.templates:
            url = template.replace("{schema}", scheme)
            for number, name in enumerate(re.findall(r"{(\w+)}", url)):
                told = plugin.template_tokens.get(name, {})
                url = url.replace("{" + name + "}", value_for(name, told, number, port))
            if CANARY in url.lower() and apprise.Apprise.instantiate(url, suppress_exceptions=True) is not None:
                made.setdefault(scheme, []).append(url)
    return made


def main(port: int) -> None:
    """Send one delivery through each, in several threads; what hangs is left behind."""
    from bridge.channels import probe
    from bridge.channels.log_setup import configure_logging
    from bridge.channels.redact import secrets_in
    from bridge.channels.registry import open_channel
    from tests.channels.deliveries import make_delivery

    made = urls(port)
    print(json.dumps({scheme: len(each) for scheme, each in made.items()}), flush=True)
    every = [url for each in made.values() for url in each]
    configure_logging("debug", "json", frozenset().union(*map(secrets_in, every)))
    probe.install()

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
