"""One step of each reconstruction algorithm."""
