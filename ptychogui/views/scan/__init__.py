"""The scan: its card, a look at its patterns and positions, and the pages that ask how it was recorded."""
