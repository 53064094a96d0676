"""What the channels of cloud services share."""
