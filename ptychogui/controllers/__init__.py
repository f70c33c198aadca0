"""Session, device workers and runs: the only code that knows both the models and what the window needs of them."""
