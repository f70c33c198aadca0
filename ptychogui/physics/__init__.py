"""Optics, scans, probes, frames, orientation, simulation: pure functions on arrays."""
