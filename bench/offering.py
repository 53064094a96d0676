"""``python -m bench.offering SOCKET COUNT [RATE]``: a stand-in Falco whose alerts are made before it listens.

Making an alert costs as much again as serving it: the stand-in would be the limit long before the bridge.
"""

from __future__ import annotations

import sys
import threading

from bridge.simulate.generate import generate
from bridge.simulate.play import paced
from bridge.simulate.recording import Form
from bridge.simulate.server import StandInFalco


def main() -> None:
    """Make, listen, offer; without a rate, all at once."""
    count = int(sys.argv[2])
    rate = float(sys.argv[3]) if sys.argv[3:] else None
    made = [alert.grpc(Form.TEXT) for alert in generate(count, seed=1)]
    forever = threading.Event()
    with StandInFalco(f"unix:{sys.argv[1]}") as falco:
        for piece in paced(made, rate, forever):
            falco.put(*piece)
        forever.wait()


if __name__ == "__main__":
    main()
