"""The run: object, probe and error while it goes on."""
