"""A batch of alerts from its source to the journal; the courier's process; journal maintenance."""
