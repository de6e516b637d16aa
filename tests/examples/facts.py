"""What must be observed of each example, whatever it runs on."""

import re
from dataclasses import dataclass

from .launch import EXAMPLES_FOLDER


@dataclass(frozen=True)
class Fact:
    """What an example prints and how it ends.

    `tasks` counts `main()` and the tasks that the program itself makes. `ends_with` is the last
    line of the traceback that ends the program (with exit status 1), None if it ends well, and
    `traceback` names the functions of the example in it, the one that raised last.
    """

    stdout: str
    tasks: int
    ends_with: str | None = None
    traceback: tuple[str, ...] = ()


INVALID_STATE = "asyncio.exceptions.InvalidStateError: "
CANCELLED = "asyncio.exceptions.CancelledError"

FACTS = {
    "01_result_of_a_task": Fact("99\n", tasks=2),
    "02_result_is_none": Fact("None\n", tasks=2),
    "03_result_of_a_failed_task": Fact(
        "caught Exception('Something bad happened')\nand the program goes on\n", tasks=2
    ),
    "04_result_too_early": Fact(
        "done: False\n",
        tasks=2,
        ends_with=INVALID_STATE + "Result is not set.",
        traceback=("<module>", "main"),
    ),
    "05_result_of_a_cancelled_task": Fact(
        "cancelled: True\n",
        tasks=2,
        ends_with=CANCELLED,
        traceback=("<module>", "main", "compute"),
    ),
    "06_await_a_coroutine": Fact("hello from the coroutine\n", tasks=1),
    "07_await_a_task_twice": Fact(
        "the coroutine runs\nhello from the task\nhello from the task\n", tasks=2
    ),
    "08_await_then_result": Fact("hello from the task\n", tasks=2),
    "09_gather_results": Fact(
        "coroutine 3 ends\ncoroutine 2 ends\ncoroutine 1 ends\n['value 1', 'value 2', 'value 3']\n",
        tasks=4,
    ),
    "10_repr_of_a_task": Fact(
        "before: <Task pending name='Task-2' coro=<work() running at FILE:LINE>>\n"
        "the task runs\n"
        "after: <Task finished name='Task-2' coro=<work() done, defined at FILE:LINE>"
        " result='a result'>\n"
        "value: a result\n",
        tasks=2,
    ),
    "11_cancel_before_it_starts": Fact(
        "cancelled at once: <Task cancelling name='Task-2' coro=<work() running at FILE:LINE>>\n"
        "main caught CancelledError\n",
        tasks=2,
    ),
    "12_cancel_while_it_sleeps": Fact(
        "main: creates the task\n"
        "task: goes to sleep\n"
        "callback: cancels the task\n"
        "task: caught CancelledError, raises it again\n"
        "main: caught CancelledError too\n",
        tasks=2,
    ),
    "13_ensure_future": Fact(
        "main: made the task, hands it on\n"
        "inner: awaits <Task pending name='Task-2' coro=<work() running at FILE:LINE>>\n"
        "work: starts\n"
        "inner: got 'a result'\n"
        "main: inner is back\n",
        tasks=2,
    ),
    "14_exception_is_none": Fact("None\n", tasks=2),
    "15_exception_of_a_failed_task": Fact(
        "main still runs\nException('Something bad happened')\n", tasks=2
    ),
    "16_exception_too_early": Fact(
        "done: False\n",
        tasks=2,
        ends_with=INVALID_STATE + "Exception is not set.",
        traceback=("<module>", "main"),
    ),
    "17_exception_of_a_cancelled_task": Fact(
        "cancelled: True\n",
        tasks=2,
        ends_with=CANCELLED,
        traceback=("<module>", "main", "work"),
    ),
    "18_exception_reaches_the_awaiter": Fact(
        "caught Exception('Something bad happened')\n", tasks=2
    ),
    "19_exception_through_result": Fact(
        "the exception of the task: True\ncaught Exception('Something bad happened')\n",
        tasks=2,
    ),
    "20_get_coro": Fact("the same coroutine: True\n", tasks=2),
    "21_await_a_running_coroutine": Fact(
        "done: False\n",
        tasks=2,
        ends_with="RuntimeError: coroutine is being awaited already",
        traceback=("<module>", "main"),
    ),
    "22_reuse_a_finished_coroutine": Fact(
        "done: True\n",
        tasks=3,
        ends_with="RuntimeError: cannot reuse already awaited coroutine",
        traceback=("<module>", "main"),
    ),
}


def without_places(stdout):
    """Returns `stdout` with FILE:LINE for every place in an example, as the facts have it."""
    folder = re.escape(str(EXAMPLES_FOLDER))
    return re.sub(rf"{folder}/\w+\.py:\d+", "FILE:LINE", stdout)
