"""The owner of partitions: decides about the matches of a fleet's routes with memory."""
