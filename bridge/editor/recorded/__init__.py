"""What an editor shows of the alerts in a journal."""
