"""Where results go: a path for each job, reserved before it is written, and a place for one that can not be written."""
