"""The window around its pages: docks, menus, toolbar, the log, and what is remembered between sessions."""
