"""Pictures: estimates developed, frames read, and what the user saves of them, beside the thread of the window."""
