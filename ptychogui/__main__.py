"""`python -m ptychogui` is the command line."""

from ptychogui.cli import main

if __name__ == "__main__":
    main()
