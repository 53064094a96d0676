"""The http source."""
