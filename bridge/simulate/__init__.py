"""A stand-in Falco that behaves on the wire as a real one does."""
