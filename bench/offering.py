"""``python -m bench.offering SOCKET COUNT [RATE]``: a simulated Falco that generates its alerts before it listens.

Generating an alert costs as much as serving it; on the fly, the simulated Falco would be the bottleneck.
"""

from __future__ import annotations

import sys
import threading

from bridge.simulate.generate import generate
from bridge.simulate.play import paced
from bridge.simulate.recording import Form
from bridge.simulate.server import StandInFalco

_TICK_SECONDS = 0.001
"""Alerts are offered this often: a burst would be read, and so committed, as one."""


def main() -> None:
    """Generate alerts, listen and serve them; without RATE, all at once."""
    count = int(sys.argv[2])
    rate = float(sys.argv[3]) if sys.argv[3:] else None
    made = [alert.grpc(Form.TEXT) for alert in generate(count, seed=1)]
    forever = threading.Event()
    with StandInFalco(f"unix:{sys.argv[1]}") as falco:
        for piece in paced(made, rate, forever, _TICK_SECONDS):
            falco.put(*piece)
        forever.wait()


if __name__ == "__main__":
    main()
