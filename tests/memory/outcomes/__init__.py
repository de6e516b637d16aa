"""What can become of an object: each outcome a small function, all of them in `OUTCOMES`.

`Scene` says what such a function does. A module of this package has the outcomes of one subject.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass

SUBJECTS = ("tasks", "cancellation", "eager", "futures", "iterators", "cycles", "stdlib", "loops")


@dataclass(frozen=True)
class Outcome:
    """One outcome: its name, the function that plays it, and on what kind of loop."""

    name: str
    play: Callable
    # Of so many objects that are asked for, one is played: what takes long is played less often.
    one_in: int = 1
    # Not fewer than that, unless fewer are asked for: too few could not be measured.
    least: int = 500
    loop: str = "asyncio"
    debug: bool = False

    def share(self, things):
        """How many objects to play when `things` are asked for."""
        return max(things // self.one_in, min(things, self.least))


OUTCOMES: dict[str, Outcome] = {}


def outcome(play=None, *, name=None, **options):
    """Decorates the function of an outcome; `options` are fields of `Outcome`."""

    def register(play):
        subject = play.__module__.rpartition(".")[2]
        full_name = f"{subject}: {name or play.__name__.replace('_', ' ')}"
        assert full_name not in OUTCOMES
        OUTCOMES[full_name] = Outcome(full_name, play, **options)
        return play

    return register if play is None else register(play)


for _subject in SUBJECTS:
    importlib.import_module(f"{__name__}.{_subject}")
