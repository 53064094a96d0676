"""``falco-bridge send``: its socket and its spool."""
