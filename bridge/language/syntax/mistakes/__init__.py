"""Recognizes common mistakes at a syntax error, and says how to fix them."""
