"""Loops in many threads that hand each other work: no wake-up and no cancellation may get lost."""
