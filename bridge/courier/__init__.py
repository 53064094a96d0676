"""Takes deliveries from the journal to the channels, for as long as that takes. A process of its own."""
