"""Classes with a fault, to see whether the tests find it: `run.py --classes lossy`."""

import aioxide

Future = aioxide.Future


class Task(aioxide.Task):
    """Loses the message that it is cancelled with."""

    def cancel(self, msg=None):
        return super().cancel()
