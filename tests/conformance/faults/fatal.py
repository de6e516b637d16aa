"""Classes that end the process, as a fault in machine code does."""

import os

import aioxide

Task = aioxide.Task


class Future(aioxide.Future):
    """Ends the process where it is cancelled."""

    def cancel(self, msg=None):
        os.abort()
