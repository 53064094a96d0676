"""Figures of falco-bridge, measured as ratios within one run: ``python -m bench [NAME ...]``."""
