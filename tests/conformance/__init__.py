"""The asyncio tests that every CPython carries, run on the Rust classes. `run.py` is the command."""
