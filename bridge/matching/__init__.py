"""Evaluates conditions, and finds the routes that match an alert. Pure."""

from bridge.matching.closures import Predicate, compile_condition
from bridge.matching.matcher import Matcher

__all__ = ["Matcher", "Predicate", "compile_condition"]
