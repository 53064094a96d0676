"""NATS and JetStream, through the client of the NATS project."""
