"""The only code that knows models and views."""
