"""Verbs that operate a bridge: its state, incidents, silences, dead letters and channels."""
