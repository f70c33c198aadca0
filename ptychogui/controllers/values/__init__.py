"""What becomes of the form's values from one scan to the next: the way back of edits, and what is remembered."""
