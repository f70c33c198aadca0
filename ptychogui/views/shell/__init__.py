"""The window around its pages: actions in menus and toolbar, messages, and what is remembered between sessions."""
