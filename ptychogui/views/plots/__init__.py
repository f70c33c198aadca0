"""Plots that follow the palette: pictures that can be zoomed and measured in, and curves."""
