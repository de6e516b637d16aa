"""Classes with a fault that the tests have to find: `run.py --classes faults.lossy`."""

import aioxide

Future = aioxide.Future


class Task(aioxide.Task):
    """Loses the message that it is cancelled with."""

    def cancel(self, msg=None):
        return super().cancel()
