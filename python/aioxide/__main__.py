"""`python -m aioxide`: runs a program on Rust tasks."""

from aioxide.command_line import main

if __name__ == "__main__":
    main()
