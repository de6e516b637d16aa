"""Objects of every outcome, by the million, leave nothing behind. `run.py` is the command."""
