"""Reading scans, writing results."""
