"""Reads Falco's rules files, and completes text alerts with them."""
