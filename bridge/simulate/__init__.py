"""A stand-in Falco that behaves on the wire as a real one does."""

import os

# Said before anything imports grpc, whose core would fire what cannot be listened at beside our own sentence.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
