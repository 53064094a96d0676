"""What works beside the intake in threads of its own."""
