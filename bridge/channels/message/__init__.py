"""What a message says, independent of the service: composing it, and fitting it into limits."""
