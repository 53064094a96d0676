"""``python -m bench.delivery_client KIND URL COUNT``: sends COUNT deliveries and prints seconds and CPU seconds.

Each kind runs in a process of its own, because the bridge's channels replace the sessions of ``requests``.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from itertools import islice

from bridge.alert import Alert, Priority
from bridge.alert.forms.json_form import decode_json
from bridge.channels.registry import open_channel
from bridge.delivery import Delivery
from bridge.routing import Notification
from bridge.simulate.generate import generate
from bridge.simulate.recording import Form

_LABELS = {"cluster": "bench"}
_WARM = 50
_BATCH = 100
Send = Callable[[list[Delivery]], None]


def deliveries(count: int) -> list[Delivery]:
    """Deliveries of distinct alerts to one channel."""
    notification = Notification("bench", ("a route",), Priority.WARNING)
    alerts = [decode_json(each.http(Form.JSON), 1) for each in islice(generate(count), count)]
    return [Delivery(n, each, notification, 0, 1) for n, each in enumerate(alerts, 1) if isinstance(each, Alert)]


def shipped(url: str) -> Send:
    """Apprise used as documented (``add``, ``notify``), with the text that the bridge sends."""
    import apprise

    from bridge.channels.message.compose import compose

    service = apprise.Apprise()
    assert service.add(url)

    def send(sent: list[Delivery]) -> None:
        for each in sent:
            message = compose(each, _LABELS)
            assert service.notify(title=message.subject, body=str(each.alert.fields))

    return send


def ours(url: str, *, batch_size: int = 1) -> Send:
    """A channel used as the courier uses it, in one thread."""
    from bridge.channels.apprise import intercept

    intercept.install()
    channel = open_channel("bench", url, _LABELS)

    def send(sent: list[Delivery]) -> None:
        for at in range(0, len(sent), batch_size):
            outcome = channel.send(sent[at : at + batch_size])
            assert outcome.verdict == "delivered", outcome

    return send


def bare(url: str, *, batch_size: int = 1) -> Send:
    """Aiohttp posting the channel's request bodies, which are built beforehand, one at a time."""
    import aiohttp

    channel = open_channel("bench", url, _LABELS)
    target = "http" + url[url.index("://") :]
    requests = {}

    def send(sent: list[Delivery]) -> None:
        asyncio.run(post([requests[each.id] for each in sent[::batch_size]]))

    async def post(bodies: list[tuple[bytes, dict[str, str]]]) -> None:
        async with aiohttp.ClientSession() as session:
            for body, headers in bodies:
                async with session.post(target, data=body, headers=headers) as answer:
                    assert answer.status == 200
                    await answer.read()

    def prepare(all_of_them: list[Delivery]) -> None:
        for at in range(0, len(all_of_them), batch_size):
            part = all_of_them[at : at + batch_size]
            requests[part[0].id] = channel.request(part)  # type: ignore[attr-defined]

    send.prepare = prepare  # type: ignore[attr-defined]
    return send


KINDS: dict[str, Callable[[str], Send]] = {
    "shipped": shipped,
    "ours": ours,
    "bare": bare,
    "ours in batches": lambda url: ours(url, batch_size=_BATCH),
    "bare in batches": lambda url: bare(url, batch_size=_BATCH),
}


def main(kind: str, url: str, count: int) -> None:
    """Warm up, then measure."""
    send = KINDS[kind](url)
    warm = _BATCH if "batches" in kind else _WARM
    sent = deliveries(warm + count)
    getattr(send, "prepare", lambda _: None)(sent)
    send(sent[:warm])
    seconds, cpu = time.perf_counter(), time.process_time()
    send(sent[warm:])
    spent = {"seconds": time.perf_counter() - seconds, "cpu": time.process_time() - cpu}
    print(json.dumps(spent))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
