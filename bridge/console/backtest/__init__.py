"""Backtests: edited routes, checked while they are typed, and what they would have sent of the recorded alerts."""
