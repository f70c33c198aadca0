"""The window around its pages: actions with their menus and toolbar, messages, and what is remembered between sessions."""
