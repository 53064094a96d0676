"""Syslog over TCP, TLS and UDP."""
