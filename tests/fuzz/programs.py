"""The language of the random programs, as plain data, and the making of such programs.

A program is a tree of nodes, each a tuple ("name", argument, ...). SHAPES says what the arguments
of a node are: a word or number out of some (the simplest first), a node, or a tuple of nodes.
Nothing in a program can be wrong: a reference is a number, taken modulo the objects there are.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, NamedTuple


class One(NamedTuple):
    """An argument that is a node, of a name in the menu."""

    menu: str


class Several(NamedTuple):
    """An argument that is a tuple of nodes, of names in the menu."""

    menu: str
    lengths: tuple[int, ...] = (0, 1, 1, 2, 2, 3, 4)


STEPS = Several("steps")
CALLS = Several("calls", (0, 0, 0, 1, 1, 2))
BODY = One("bodies")
TARGET = One("targets")
TARGETS = Several("targets", (1, 1, 2, 2, 2, 3, 3, 0))

# The numbers count the objects of the program as they were made; None is the task itself. The first
# ones are referred to most, so that more than one thing happens to them.
REF = (0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 6, 7, None, None)
VALUE = ("none", "one", "pair", "empty", "text", "error")
MESSAGE = (None, None, "m1", "m2", 7)
# In seconds of the loop's clock.
DELAY = (0, 1, 2, 3)
TIMEOUT = (0, 1, 2, None, -1)
YES_OR_NO = (False, True)
RARELY = (False,) * 9 + (True,)
NAME = (None, None, "A", "B")
CONTEXT = (None, None, 0, 1)
LABEL = (0, 0, 0, 1)
TIMES = (1, 2)
FUTURE_KIND = ("own", "own", "own", "sub", "other", "python")
# How a task is made: by a function of asyncio, by the loop, or of a class.
TASK_KIND = ("loop", "loop", "asyncio", "ensure", "own", "own", "own", "sub", "other", "python")
FORM = ("plain",) * 20 + ("abc", "abc", "abc", "generator", "number")
ERROR = ("value",) * 6 + (
    ("fatal", "timeout", "stop", "cancelled", "cancelled", "cancelled with")
    + ("group", "keyboard", "exit")
)
# What a future may be told to raise; some of it is none of its business.
EXCEPTION = (*ERROR, "class", "nonsense")
CATCH = ("cancelled", "cancelled", "errors", "all", "all")
# What is passed over when a step of a coroutine raises it.
GUARD = ("nothing", "nothing", "errors", "all")
MAIN_GUARD = ("nothing", "errors", "all", "all")
ENDING = ("swallow", "swallow", "reraise", "error", "error from", "cancelled")
WHEN = ("ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION")
# What is done to all tasks and futures at the end: cancel them, leave those that wait to the
# garbage collection, or cancel and ask all for their results.
AFTERWARDS = ("cancel", "destroy", "ask")
YIELDED = ("none", "none", "number", "future", "elsewhere", "generator", "impatient")

SHAPES: dict[str, tuple[tuple | One | Several, ...]] = {
    # in debug mode, with an eager task factory
    "program": (RARELY, RARELY, AFTERWARDS, Several("futures", (1, 2, 3)), One("mains")),
    "main": (Several("steps", (3, 6, 8, 10, 14, 18)), MAIN_GUARD, VALUE),
    "body": (STEPS, GUARD, VALUE),
    "ref": (REF,),
    "coro": (BODY,),
    "child": (NAME, CONTEXT, BODY),
    # What may suspend a coroutine
    "await": (REF,),
    "delegate": (REF,),
    "pass": (),
    "yield": (YIELDED, REF),
    "sleep": (DELAY, VALUE),
    "run": (BODY,),
    # body, what is caught, handler, how that ends, finally
    "try": (STEPS, CATCH, STEPS, ENDING, Several("steps", (0, 0, 0, 1))),
    # the last argument: the outer future becomes an object of the program and is not awaited here
    "shield": (TARGET, YES_OR_NO),
    "gather": (TARGETS, YES_OR_NO, YES_OR_NO),
    "wait": (TARGETS, WHEN, TIMEOUT),
    "wait_for": (TARGET, TIMEOUT),
    "timeout": (TIMEOUT, CONTEXT, STEPS),
    "group": (Several("children", (1, 2, 3)), STEPS),
    "raise": (ERROR,),
    # What returns at once, also in callbacks
    "future": (FUTURE_KIND,),
    "task": (TASK_KIND, NAME, CONTEXT, YES_OR_NO, FORM, BODY),
    "cancel": (REF, MESSAGE),
    "uncancel": (REF,),
    "set_result": (REF, VALUE),
    "set_exception": (REF, EXCEPTION),
    "add_callback": (REF, LABEL, TIMES, CONTEXT, CALLS),
    "remove_callback": (REF, LABEL),
    "result": (REF,),
    "exception": (REF,),
    "set_name": (REF, ("A", "B", 7)),
    "set_variable": ((1, 2, 3),),
    "copy_context": (),
    "soon": (LABEL, CONTEXT, CALLS),
    "later": (DELAY, LABEL, CONTEXT, CALLS),
    "look": (REF,),
    "look_around": (),
    "make_cancelled_error": (REF,),
    "hush": (REF, (False, False, True)),
    "drop": (REF,),
    "collect": (),
    "stop": (),
    "debug": (YES_OR_NO,),
}


def _weighted(**weights: int) -> tuple[str, ...]:
    return tuple(name for name, weight in weights.items() for _ in range(weight))


_CALLS = _weighted(
    set_result=6,
    set_exception=4,
    cancel=10,
    uncancel=3,
    look=3,
    future=3,
    add_callback=8,
    remove_callback=7,
    result=3,
    exception=3,
    set_name=1,
    set_variable=2,
    copy_context=1,
    soon=2,
    later=2,
    look_around=1,
    make_cancelled_error=1,
    hush=1,
    drop=2,
    collect=1,
    stop=1,
    debug=1,
)
MENUS = {
    "mains": ("main",),
    "bodies": ("body",),
    "futures": ("future",),
    "children": ("child",),
    "targets": ("ref", "ref", "coro"),
    "calls": _CALLS + ("task",) * 3 + ("raise",) * 2,
    # `await` is not a name that can be a keyword argument
    "steps": ("await",) * 12
    + _weighted(
        task=12,
        sleep=5,
        run=1,
        shield=3,
        gather=4,
        wait=3,
        wait_for=4,
        timeout=4,
        group=4,
    )
    + ("delegate",) * 2
    + ("pass",) * 5
    + ("yield",) * 2
    + ("try",) * 12
    + ("raise",) * 3
    + _CALLS,
}

Choose = Callable[[Sequence], Any]


class Grammar:
    """The making of one program, of what `choose(options)` picks."""

    def __init__(self, choose: Choose):
        self.choose = choose
        self.nodes_left = 150
        self.depth = 0

    def node(self, name: str) -> tuple:
        self.nodes_left -= 1
        self.depth += 1
        made = (name, *[self._argument(kind) for kind in SHAPES[name]])
        self.depth -= 1
        return made

    def _argument(self, kind):
        if isinstance(kind, One):
            return self._one(kind.menu)
        if not isinstance(kind, Several):
            return self.choose(kind)
        if self.nodes_left <= 0 or self.depth > 12:
            return ()
        count = self.choose(kind.lengths)
        return tuple([self._one(kind.menu) for _ in range(count) if self.nodes_left > 0])

    def _one(self, menu: str) -> tuple:
        return self.node(self.choose(MENUS[menu]))


def random_program(seed: int, number: int) -> tuple:
    """Returns program `number` of those that `seed` stands for: the same one each time."""
    uniform = Random(f"{seed}/{number}").random
    return Grammar(lambda options: options[int(uniform() * len(options))]).node("program")


def strategy():
    """Returns hypothesis' strategy for programs."""
    from hypothesis import strategies

    @strategies.composite
    def programs(draw):
        choices: dict[int, Any] = {}

        def choose(options):
            if id(options) not in choices:
                choices[id(options)] = strategies.sampled_from(options)
            return draw(choices[id(options)])

        return Grammar(choose).node("program")

    return programs()
