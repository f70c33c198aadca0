"""Past results as the window shows them: all that needs their files is read here, in a child process."""
