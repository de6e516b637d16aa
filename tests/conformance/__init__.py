"""The asyncio tests that every CPython carries, on the Rust classes. The command is `run.py`."""
