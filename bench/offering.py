"""``python -m bench.offering SOCKET COUNT``: a simulated Falco that generates its alerts before it listens.

Generating an alert costs as much as serving it; on the fly, the simulated Falco would be the bottleneck.
"""

from __future__ import annotations

import sys
import threading

from bridge.simulate.generate import generate
from bridge.simulate.recording import Form
from bridge.simulate.server import StandInFalco


def main() -> None:
    """Generate alerts, listen and serve them, all at once."""
    made = [alert.grpc(Form.TEXT) for alert in generate(int(sys.argv[2]), seed=1)]
    with StandInFalco(f"unix:{sys.argv[1]}") as falco:
        falco.put(*made)
        threading.Event().wait()


if __name__ == "__main__":
    main()
