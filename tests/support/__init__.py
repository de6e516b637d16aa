"""What the contract tests share: implementations, kinds of loops, recorders, child processes."""

from support.child import Outcome, run_child
from support.implementations import (
    IMPLEMENTATIONS,
    BuiltinFuture,
    BuiltinTask,
    Implementation,
    implementation,
)
from support.loops import (
    LOOP_KINDS,
    THREAD_KINDS,
    LoopMissing,
    adopt,
    new_loop,
    run_passes,
    turn_until,
)
from support.minimal_loop import MinimalLoop
from support.oracle import answer, normalised, same_as_builtin
from support.recorder import Recorder, collect

__all__ = [
    "IMPLEMENTATIONS",
    "LOOP_KINDS",
    "THREAD_KINDS",
    "BuiltinFuture",
    "BuiltinTask",
    "Implementation",
    "LoopMissing",
    "MinimalLoop",
    "Outcome",
    "Recorder",
    "adopt",
    "answer",
    "collect",
    "implementation",
    "new_loop",
    "normalised",
    "run_child",
    "run_passes",
    "same_as_builtin",
    "turn_until",
]
