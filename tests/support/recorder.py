"""Recorders of what a loop reports, and the collection of garbage."""

import gc


class Recorder:
    """A loop's exception handler that keeps what it was called with.

    A test takes the reports it expects; whatever is left at its end fails it.
    """

    def __init__(self):
        self.contexts = []

    def __call__(self, *arguments):
        # (loop, context); rloop leaves the loop out.
        self.contexts.append(arguments[-1])

    def take(self):
        """Returns the contexts reported so far, and forgets them."""
        taken, self.contexts = self.contexts, []
        return taken

    def messages(self):
        """Like `take()`, but returns the messages alone, so that no future is kept alive."""
        return [context["message"] for context in self.take()]


def collect():
    """Collects garbage until none is left: finalisers may leave some for the next round."""
    for _ in range(3):
        gc.collect()
