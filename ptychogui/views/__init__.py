"""Widgets: they show and announce, they do not decide."""
