"""What can be said about conditions without an alert, and why one holds for an alert."""
