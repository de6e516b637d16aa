"""Random programs, run on the built-in classes and on the Rust ones. `run.py` is the command."""
