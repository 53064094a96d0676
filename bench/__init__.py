"""Benchmarks of falco-bridge: ``python -m bench [NAME ...]``. Figures are compared within one run."""
