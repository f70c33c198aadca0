"""MDA files of EPICS: their bytes, beamline presets that say what is what in them, and the scans that they hold."""
