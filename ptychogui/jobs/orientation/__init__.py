"""The orientation doctor: which way detector and scan face, where nobody knows."""
