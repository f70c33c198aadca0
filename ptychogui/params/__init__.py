"""Every parameter, declared once."""
