"""What several tests share: certificates, real local servers, waiting on a condition."""
