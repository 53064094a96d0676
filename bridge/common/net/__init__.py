"""Sockets that listen and connect."""
