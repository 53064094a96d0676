"""The gRPC source."""
