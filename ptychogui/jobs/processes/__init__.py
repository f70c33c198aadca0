"""Child processes: started, heard, watched and ended in one way, whether they reconstruct or answer a question."""
