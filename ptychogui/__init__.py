"""ptychogui: an X-ray ptychography reconstruction workstation."""

__version__ = "0.1.0"
