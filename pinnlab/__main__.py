"""`python -m pinnlab`, the same as the command `pinnlab`."""

from pinnlab.cli import main

if __name__ == "__main__":
    main()
