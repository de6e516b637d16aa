"""What a coroutine may yield to its task: every mistake, and strangers that act as futures."""

import asyncio
import concurrent.futures

import pytest
from support import BuiltinFuture, normalised, run_passes
from support.tasks import (
    Yielding,
    assert_like_builtin,
    ending,
    future_kinds,
    passes_until_done,
    reported,
    supervised_loop,
    within,
)


class Stranger:
    """An object with what a task uses of a future; `replaced` are attributes that differ."""

    _asyncio_future_blocking = True

    def __init__(self, loop, **replaced):
        self.get_loop = lambda: loop
        self.log = []
        self.__dict__.update(replaced)

    def __repr__(self):
        return "<stranger>"

    def add_done_callback(self, callback, *, context):
        self.log.append("add_done_callback")
        self.callback = callback

    def cancel(self, msg=None):
        self.log.append(("cancel", msg))
        return False

    def result(self):
        self.log.append("result")
        return "result"


class HidingStranger(Stranger):
    """Its marker cannot be read, for the reason `error`."""

    def __init__(self, loop, error):
        super().__init__(loop)
        self.error = error

    @property
    def _asyncio_future_blocking(self):
        raise self.error


class LockedStranger(Stranger):
    """Its marker cannot be written."""

    @property
    def _asyncio_future_blocking(self):
        return True


class Undecided:
    def __bool__(self):
        raise ZeroDivisionError("undecided")


def generator():
    yield


def blocking(future):
    future._asyncio_future_blocking = True
    return future


def refuse(*_, **__):
    raise ZeroDivisionError("refused")


# What is yielded, made of the implementation, the task's loop, and another loop.

BAD_YIELDS = {
    "42": lambda *_: 42,
    "'text'": lambda *_: "text",
    "[]": lambda *_: [],
    "False": lambda *_: False,
    "<class 'int'>": lambda *_: int,
    "<Future at ": lambda *_: concurrent.futures.Future(),
    "<stranger>": lambda _, loop, __: Stranger(loop, _asyncio_future_blocking=None),
    "<stranger>, hiding": lambda _, loop, __: HidingStranger(loop, AttributeError("hidden")),
}

NOT_AWAITED = {
    "own": lambda impl, loop, _: impl.Future(loop=loop),
    "subclass": lambda impl, loop, _: future_kinds(impl)["subclass"](loop=loop),
    "stock": lambda _, loop, __: BuiltinFuture(loop=loop),
    "stock subclass": lambda impl, loop, _: future_kinds(impl)["stock subclass"](loop=loop),
    "python": lambda impl, loop, _: future_kinds(impl)["python"](loop=loop),
    "stranger": lambda _, loop, __: Stranger(loop, _asyncio_future_blocking=False),
    "stranger, vaguely": lambda _, loop, __: Stranger(loop, _asyncio_future_blocking=""),
}

OF_ANOTHER_LOOP = {
    "own": lambda impl, _, other: blocking(impl.Future(loop=other)),
    "subclass": lambda impl, _, other: blocking(future_kinds(impl)["subclass"](loop=other)),
    "stock": lambda _, __, other: blocking(BuiltinFuture(loop=other)),
    "python": lambda impl, _, other: blocking(future_kinds(impl)["python"](loop=other)),
    "stranger": lambda _, __, other: Stranger(other),
    "stranger of none": lambda *_: Stranger(None),
    "own, not awaited": lambda impl, _, other: impl.Future(loop=other),
    "stock, not awaited": lambda _, __, other: BuiltinFuture(loop=other),
    "stranger, not awaited": lambda _, __, other: Stranger(other, _asyncio_future_blocking=False),
}

# What goes wrong between the task and the future that it should wait for.
BROKEN = {
    "marker raises": lambda _, loop, __: HidingStranger(loop, ZeroDivisionError("hidden")),
    "marker is undecided": lambda _, loop, __: Stranger(loop, _asyncio_future_blocking=Undecided()),
    "marker is locked": lambda _, loop, __: LockedStranger(loop),
    "get_loop raises": lambda _, loop, __: Stranger(loop, get_loop=refuse),
    "get_loop is no function": lambda _, loop, __: Stranger(loop, get_loop=None),
    "add_done_callback raises": lambda _, loop, __: Stranger(loop, add_done_callback=refuse),
    "add_done_callback is no function": lambda _, loop, __: Stranger(loop, add_done_callback=None),
    "class of futures": lambda impl, _, __: future_kinds(impl)["subclass"],
    "class of strangers": lambda *_: Stranger,
}


def yielding(impl, make, *, cancel=False):
    """What became of a task that yielded what `make` gives: all that can be seen of it."""
    with supervised_loop(impl) as (loop, reports), supervised_loop(impl) as (other, _):
        thing = make(impl, loop, other)
        seen = []

        async def mistaken():
            try:
                await Yielding(thing)
            except BaseException as error:
                seen.append((type(error), normalised(str(error))))
            return "went on"

        task = impl.Task(mistaken(), loop=loop, name="T")
        run_passes(loop)
        # A getset of a class is at another address on each implementation.
        marker = None if isinstance(thing, type) else ask(thing, "_asyncio_future_blocking")
        after_the_yield = task._fut_waiter is None, task.done(), marker
        if cancel:
            task.cancel("why")
        run_passes(loop)
        end = ending(task), task._must_cancel, getattr(thing, "log", None)
        raised = tuple(seen)
        task._log_destroy_pending = False
        task.get_coro().close()
        return after_the_yield, raised, end, reported(reports)


def ask(thing, name):
    try:
        return normalised(repr(getattr(thing, name, "nothing")))
    except ZeroDivisionError as error:
        return str(error)


def assert_mistake(impl, make, message):
    """The error is raised at the yield, one pass later, and the coroutine may go on."""
    after_the_yield, seen, end, reports = assert_like_builtin(
        lambda impl: yielding(impl, make), impl
    )
    assert after_the_yield[:2] == (True, False)
    ((kind, text),) = seen
    assert kind is RuntimeError
    assert message in text
    assert end[0] == ("returned", "went on")
    assert reports == []


@pytest.mark.parametrize("thing", BAD_YIELDS)
def test_what_is_no_future(impl, thing):
    assert_mistake(impl, BAD_YIELDS[thing], f"Task got bad yield: {thing.split(',')[0]}")


def test_generator(impl):
    message = (
        "yield was used instead of yield from for generator in task "
        "<Task pending name='T' coro=<yielding.<locals>.mistaken() running at "
    )
    assert_mistake(impl, lambda *_: generator(), message)


@pytest.mark.parametrize("kind", NOT_AWAITED)
def test_future_that_is_yielded_and_not_awaited(impl, kind):
    message = "yield was used instead of yield from in task <Task pending name='T' coro=<"
    assert_mistake(impl, NOT_AWAITED[kind], message)


@pytest.mark.parametrize("kind", OF_ANOTHER_LOOP)
def test_future_of_another_loop(impl, kind):
    assert_mistake(impl, OF_ANOTHER_LOOP[kind], "attached to a different loop")
    _, ((_, text),), _, _ = yielding(impl, OF_ANOTHER_LOOP[kind])
    thing = "<stranger>" if "stranger" in kind else "<Future pending>"
    assert text.startswith("Task <Task pending name='T' coro=<")
    if "subclass" not in kind:
        assert f" got Future {thing} " in text


@pytest.mark.parametrize("make", [BAD_YIELDS["42"], NOT_AWAITED["own"], OF_ANOTHER_LOOP["own"]])
def test_cancelled_before_the_mistake_is_raised(impl, make):
    """The cancellation takes the place of the error."""
    _, seen, end, _ = assert_like_builtin(lambda impl: yielding(impl, make, cancel=True), impl)
    assert [text for _, text in seen] == ["why"]
    assert end[:2] == (("returned", "went on"), False)


@pytest.mark.parametrize("reason", BROKEN)
@pytest.mark.parametrize("cancel", [False, True])
def test_error_of_the_stranger_goes_to_the_loop(impl, reason, cancel):
    """And the task stays as it is: nothing will ever wake it up."""
    after_the_yield, seen, end, reports = assert_like_builtin(
        lambda impl: yielding(impl, BROKEN[reason], cancel=cancel), impl
    )
    assert after_the_yield[:2] == (True, False)
    assert (seen, end[0]) == ((), "pending")
    assert [message for message, _ in reports] == ["Exception"]


# The task itself


def test_task_that_awaits_itself(loop, impl):
    seen = []

    async def narcissus():
        try:
            await task
        except RuntimeError as error:
            seen.append(str(error))
        return "went on"

    task = impl.Task(narcissus(), loop=loop, name="T")
    assert loop.run_until_complete(task) == "went on"
    assert seen[0].startswith("Task cannot await on itself: <Task pending name='T' coro=<")


@pytest.mark.parametrize("marker", [False, True])
def test_task_that_yields_itself(impl, marker):
    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            seen = []

            async def narcissus():
                task._asyncio_future_blocking = marker
                try:
                    await Yielding(task)
                except RuntimeError as error:
                    seen.append(normalised(str(error)))
                return task._asyncio_future_blocking

            task = impl.Task(narcissus(), loop=loop, name="T")
            passes_until_done(loop, task)
            return seen, ending(task), reported(reports)

    (message,), _, _ = assert_like_builtin(scenario, impl)
    assert message.startswith("Task cannot await on itself: <Task pending name='T' coro=<")


@pytest.mark.parametrize("base", ["own", "subclass"])
def test_subclass_that_awaits_itself(impl, base):
    class Subclass(impl.Task):
        pass

    def scenario(impl):
        class Subclass(impl.Task):
            pass

        with supervised_loop(impl) as (loop, _):

            async def narcissus():
                await task

            task = Subclass(narcissus(), loop=loop, name="T")
            passes_until_done(loop, task)
            kind, (error, (message,), *_) = ending(task)
            return kind, error, message

    assert "cannot await on itself" in assert_like_builtin(scenario, impl)[2]


# Strangers that behave


def test_what_is_done_with_a_stranger(impl):
    """The marker is taken away, one callback is left, in the task's context."""

    class Context:
        def __init__(self, loop):
            self.loop = loop
            self.log = []

        _asyncio_future_blocking = True

        def get_loop(self):
            self.log.append("get_loop")
            return self.loop

        def __setattr__(self, name, value):
            if name == "_asyncio_future_blocking":
                self.log.append((name, value))
            super().__setattr__(name, value)

        def add_done_callback(self, *args, **kwargs):
            self.log.append(("add_done_callback", len(args), sorted(kwargs)))
            self.callback = args[0]
            self.context = kwargs["context"]

        def result(self):
            self.log.append("result")
            return "ignored"

        def cancel(self, *args, **kwargs):
            self.forms = args, kwargs
            self.log.append(("cancel", *args, *kwargs.values()))
            return True

    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            stranger = Context(loop)
            stranger.log.clear()

            async def waiting():
                return await Yielding(stranger)

            task = impl.Task(waiting(), loop=loop, name="T")
            run_passes(loop)
            assert task._fut_waiter is stranger
            assert stranger.callback.__self__ is task
            assert stranger.context.run(lambda: True)
            stranger.log.append(task.cancel("why"))
            stranger.log.append((task._must_cancel, task._fut_waiter is stranger))
            within(loop, stranger.callback, stranger)
            return stranger.log, ending(task), stranger.forms, reported(reports)

    log, end, _, _ = assert_like_builtin(scenario, impl)
    assert log == [
        "get_loop",
        ("_asyncio_future_blocking", False),
        ("add_done_callback", 1, ["context"]),
        ("cancel", "why"),
        True,
        (False, True),
        "result",
    ]
    assert end == ("returned", None)


def test_stranger_without_get_loop(impl):
    """Futures of long ago have the attribute alone."""

    class Old(Stranger):
        def __init__(self, loop):
            super().__init__(loop, _loop=loop)
            del self.get_loop

    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            stranger = Old(loop)

            async def waiting():
                return await Yielding(stranger)

            task = impl.Task(waiting(), loop=loop)
            run_passes(loop)
            within(loop, stranger.callback, stranger)
            return stranger.log, ending(task), reported(reports)

    log, end, _ = assert_like_builtin(scenario, impl)
    assert (log, end) == (["add_done_callback", "result"], ("returned", None))


@pytest.mark.parametrize("result", ["raises", "is missing", "is cancelled"])
def test_waking_up_from_a_stranger_whose_result_fails(impl, result):
    def cancelled(*_):
        raise asyncio.CancelledError("by the stranger")

    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):
            stranger = Stranger(
                loop, result={"raises": refuse, "is cancelled": cancelled}.get(result)
            )

            async def waiting():
                return await Yielding(stranger)

            task = impl.Task(waiting(), loop=loop)
            run_passes(loop)
            within(loop, stranger.callback, stranger)
            assert reported(reports) == []
            how, (error, *_) = ending(task)
            return how, error

    expected = {
        "raises": ("raised", ZeroDivisionError),
        "is missing": ("raised", TypeError),
        "is cancelled": ("cancelled", asyncio.CancelledError),
    }
    assert assert_like_builtin(scenario, impl) == expected[result]


def test_callback_that_is_called_at_once(impl):
    """A stranger may call back inside `add_done_callback()`, in the middle of the step."""

    class Hasty(Stranger):
        def add_done_callback(self, callback, *, context):
            callback(self)

    def scenario(impl):
        with supervised_loop(impl) as (loop, reports):

            async def waiting():
                return await Yielding(Hasty(loop))

            task = impl.Task(waiting(), loop=loop, name="T")
            run_passes(loop, 3)
            kinds = [(kind, error and error[0]) for kind, error in reported(reports)]
            return ending(task), kinds, task._fut_waiter

    assert_like_builtin(scenario, impl)
