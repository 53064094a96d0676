"""The join of a shell in a pod with the API server's audit of the exec: it says who it was.

``shell.json`` was recorded from Falco. ``exec.json`` is made from the output of "Attach/Exec Pod" in
``k8s_audit_rules.yaml``, in the form that the k8saudit plugin was recorded with: ``jevt.time``, and ``<NA>`` as text.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.alert import Alert
from bridge.alert.forms.json_form import decode_json
from bridge.channels.message.compose import compose
from bridge.channels.render import plain
from bridge.delivery import Delivery
from bridge.routing.router import Router
from bridge.routing.state import State, Timer
from bridge.workbench.routes import load_routes

ROOT = Path(__file__).parents[2]
SECOND = 10**9


def read(name: str) -> Alert:
    decoded = decode_json((ROOT / "tests" / "data" / "join" / name).read_bytes(), 0)
    assert isinstance(decoded, Alert), decoded
    return decoded


@pytest.mark.parametrize("order", [("shell.json", "exec.json"), ("exec.json", "shell.json")])
def test_the_recorded_shell_names_who_opened_it(order: tuple[str, str]) -> None:
    """Whichever of the two Falcos is faster."""
    program = load_routes([ROOT / "examples" / "kubernetes" / "who.route"]).checked.program
    assert program is not None
    router, state = Router(program, {}), State()
    alerts = {alert.id: alert for alert in map(read, order)}
    now_ns = read("shell.json").time_ns
    router.start(state, now_ns)
    sent = []
    for alert in alerts.values():
        now_ns += 3 * SECOND
        sent += router.step(state, router.complete(alert), now_ns).notifications
    sent += router.step(state, Timer(alerts), now_ns + 60 * SECOND).notifications
    (notification,) = sent
    about = alerts[notification.about or read("shell.json").id]
    message = compose(Delivery(0, about, notification, 0, 0), {})
    assert message.headline == "alice@corp opened a shell in default/pod-name"
    assert message.who == "alice@corp"
    assert "audit.ka.user.name: alice@corp\nproc.cmdline: sh\nuser.name: root" in plain.body(message)
