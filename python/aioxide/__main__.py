"""`python -m aioxide`: runs a program on Rust tasks."""

from aioxide.command_line import main

main()
