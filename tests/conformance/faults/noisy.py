"""Classes whose fault can only be printed."""

import aioxide

Task = aioxide.Task


class Future(aioxide.Future):
    """Fails when it goes away."""

    def __del__(self):
        raise RuntimeError("at the end of a future")
