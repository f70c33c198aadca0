"""Past results: found, looked at, marked, compared, exported and thrown away."""
