"""A simulated Falco that behaves like a real one on the wire."""

import os

# Said before anything imports grpc, whose core would fire what cannot be listened at beside our own sentence.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
