"""Classes and functions that make tasks, put in place by libraries."""

import asyncio
import functools
import inspect
import sys
import traceback
from unittest import mock

import pytest
from support import BuiltinFuture

from interop.running import passes, run, run_same

eager = pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks are new in 3.12")


def test_tasks_that_remember_who_made_and_who_cancelled_them(impl):
    """aiomonitor: a subclass of asyncio.Task with an __init__ and a cancel(), by a task factory."""

    async def body():
        class TracedTask(asyncio.Task):
            def __init__(self, *args, chain=None, **kwargs):
                super().__init__(*args, **kwargs)
                self._chain = chain
                self._creator = asyncio.current_task()
                self._made_at = traceback.extract_stack()

            def cancel(self, msg=None):
                self._chain.append(asyncio.current_task().get_name())
                return super().cancel(msg)

        def factory(loop, coro, **kwargs):
            return TracedTask(coro, loop=loop, chain=chain, **kwargs)

        chain = []
        asyncio.current_task().set_name("main")
        asyncio.get_running_loop().set_task_factory(factory)
        try:
            async with asyncio.timeout(None):
                task = asyncio.create_task(asyncio.sleep(3600))
                await passes(1)
                task.cancel("message")
                await asyncio.wait([task])
        finally:
            asyncio.get_running_loop().set_task_factory(None)
        seen = isinstance(task, TracedTask), isinstance(task, asyncio.Task), task.cancelled()
        creator = task._creator is asyncio.current_task()
        return seen, creator, chain, task._made_at[-1].name, repr(task).startswith("<TracedTask ")

    assert run_same(impl, body)[0] == (True, True, True)


@pytest.mark.parametrize("debug", [False, True], ids=["plain", "debug"])
def test_a_factory_that_wraps_the_coroutine_and_makes_the_stock_task(impl, debug):
    """sentry: `Task(coro, loop=loop, **kwargs)` and the last source line taken off."""

    def factory(loop, coro, **kwargs):
        async def wrapper():
            with mock.patch.dict(spans, {coro.__qualname__: True}):
                return await coro

        task = asyncio.tasks.Task(wrapper(), loop=loop, **kwargs)
        if task._source_traceback:
            del task._source_traceback[-1]
        task.get_coro().__name__ = coro.__name__
        return task

    spans = {}

    async def user():
        return list(spans)

    async def body():
        loop = asyncio.get_running_loop()
        loop.set_debug(debug)
        loop.set_task_factory(factory)
        task = asyncio.create_task(user(), name="named")
        made_by = task._source_traceback and task._source_traceback[-1].name
        result = await task
        return result == [user.__qualname__], task.get_name(), task.get_coro().__name__, made_by

    assert run_same(impl, body)[1:3] == ("named", "user")


def test_a_factory_around_the_factory_that_was_there(impl):
    """sentry, aiomonitor: the factory of before is called; the new one is marked."""

    async def body():
        loop = asyncio.get_running_loop()
        calls = []

        def first(loop, coro, **kwargs):
            calls.append("first")
            return asyncio.Task(coro, loop=loop, **kwargs)

        def second(loop, coro, **kwargs):
            calls.append("second")
            return original(loop, coro, **kwargs)

        loop.set_task_factory(first)
        original = loop.get_task_factory()
        loop.set_task_factory(second)
        second._is_patched = True
        await asyncio.create_task(asyncio.sleep(0))
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(0))
        marked = loop.get_task_factory()._is_patched
        loop.set_task_factory(None)
        return calls, marked

    assert run_same(impl, body) == (["second", "first"] * 2, True)


def test_the_ways_to_make_a_task_are_wrapped(impl, monkeypatch):
    """opentelemetry, newrelic, elastic-apm: create_task(), gather(), wait_for() … are replaced."""

    async def body():
        calls = []

        def wrapped(function):
            @functools.wraps(function)
            def wrapper(*args, **kwargs):
                calls.append(function.__name__)
                return function(*args, **kwargs)

            return wrapper

        with monkeypatch.context() as patch:
            for name in ("create_task", "ensure_future", "gather", "wait_for"):
                patch.setattr(asyncio, name, wrapped(getattr(asyncio, name)))
            for owner in (asyncio.TaskGroup, asyncio.BaseEventLoop):
                patch.setattr(owner, "create_task", wrapped(owner.create_task))
            await asyncio.gather(asyncio.create_task(asyncio.sleep(0)), asyncio.sleep(0))
            await asyncio.wait_for(asyncio.ensure_future(asyncio.sleep(0)), None)
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(0))
        return calls

    assert run_same(impl, body).count("create_task") >= 4


@eager
def test_home_made_eager_tasks(impl):
    """aiohttp, home-assistant: `asyncio.Task(coro, loop=loop, eager_start=True)` is called."""

    async def user(log):
        log.append(asyncio.current_task().get_name())
        await asyncio.sleep(0)
        return "result"

    async def body():
        log = []
        loop = asyncio.get_running_loop()
        parent = asyncio.current_task()
        task = asyncio.Task(user(log), loop=loop, name="eager", eager_start=True)
        seen = list(log), task.done(), asyncio.current_task() is parent
        finished = asyncio.Task(no_wait(), loop=loop, eager_start=True)
        return seen, finished.done(), await task, await finished

    assert run_same(impl, body)[0] == (["eager"], False, True)


async def no_wait():
    return "at once"


@eager
def test_an_eager_task_that_is_done_is_not_kept(impl):
    """aiohttp: `if task.done(): …` right after the making, else add_done_callback()."""

    async def body():
        tasks = set()
        for coro in (no_wait(), asyncio.sleep(0)):
            task = asyncio.Task(coro, loop=asyncio.get_running_loop(), eager_start=True)
            if not task.done():
                tasks.add(task)
                task.add_done_callback(tasks.discard)
        before = len(tasks)
        await passes(3)
        return before, len(tasks), len(asyncio.all_tasks())

    assert run_same(impl, body) == (1, 0, 1)


@eager
def test_eager_factories_are_known_by_their_code(impl):
    """anyio: the __code__ of the factory is asyncio's, its closure holds what makes the tasks."""

    def look(loop):
        factory = impl.eager_task_factory
        loop.set_task_factory(factory)
        assert factory.__code__ is asyncio.create_eager_task_factory(asyncio.Task).__code__
        maker = factory.__closure__[0].cell_contents
        assert isinstance(maker, type) or callable(maker)

        async def not_eager():
            task = maker(asyncio.sleep(0, "result"), loop=loop, name="T")
            return task.done(), type(task) is impl.Task, await task

        assert loop.run_until_complete(not_eager()) == (False, True, "result")

    def prepare(loop):
        look(loop)
        loop.set_task_factory(None)

    async def body():
        return True

    assert run(impl, body, prepare=prepare)


def test_specs_and_signatures_of_the_classes(impl):
    """pytest suites: mock.create_autospec(asyncio.Task), Mock(spec=asyncio.Future), signatures."""

    async def body():
        task, future = mock.create_autospec(asyncio.Task), mock.Mock(spec=asyncio.Future)
        task.return_value.done.return_value = True
        with pytest.raises(AttributeError):
            future.no_such_method()
        names = [
            name
            for name in ("cancel", "add_done_callback", "result")
            if callable(getattr(future, name))
        ]
        return (
            names,
            task(None).done(),
            isinstance(future, asyncio.Future),
            str(inspect.signature(asyncio.Task.cancel)),
        )

    assert run_same(impl, body)[1:3] == (True, True)


def test_the_classes_in_annotations(impl):
    """annotations that are evaluated: Task[int] and Future[int] are subscribed and taken apart."""
    import typing

    async def body():
        def function(task: asyncio.Task[int], future: "asyncio.Future[str] | None") -> None:
            pass

        hints = typing.get_type_hints(function)
        return [
            typing.get_origin(hints["task"]) is asyncio.Task,
            typing.get_args(hints["task"]),
            [typing.get_origin(arg) is asyncio.Future for arg in typing.get_args(hints["future"])],
        ]

    assert run_same(impl, body) == [True, (int,), [True, False]]


def test_functions_tell_the_classes_apart(impl):
    """serialisers and debuggers: `match`, isinstance() with tuples of classes, issubclass()."""

    async def body():
        def matched(value):
            match value:
                case asyncio.Task():
                    return "task"
                case asyncio.Future():
                    return "future"

        future, task = asyncio.get_running_loop().create_future(), asyncio.current_task()
        return [
            [matched(task), matched(future), matched(1)],
            [isinstance(task, (int, asyncio.Future)), issubclass(asyncio.Task, asyncio.Future)],
            [inspect.isawaitable(future), inspect.iscoroutine(task), asyncio.iscoroutine(task)],
        ]

    assert run_same(impl, body)[0] == ["task", "future", None]


def test_functions_dispatch_on_the_class(impl, request):
    """serialisers and debuggers: functools.singledispatch looks the function up by `__class__`."""
    if impl.name == "rust":
        # `__class__` answers the built-in class, so that isinstance() holds for whoever has that.
        request.applymarker(pytest.mark.xfail(reason="dispatched as an object of no known class"))

    @functools.singledispatch
    def kind(value):
        return "other"

    async def body():
        kind.register(asyncio.Future, lambda value: "future")
        kind.register(asyncio.Task, lambda value: "task")
        return kind(asyncio.current_task()), kind(asyncio.get_running_loop().create_future())

    assert run(impl, body) == ("task", "future")


def test_a_builtin_future_is_a_future_whatever_is_in_force(impl, request):
    """anyio, tornado, motor, looptime: isinstance(x, asyncio.Future), whoever made it."""
    if impl.name == "rust":
        request.applymarker(pytest.mark.xfail(reason="a built-in future is no aioxide.Future"))

    async def body():
        made_by_c = BuiltinFuture(loop=asyncio.get_running_loop())
        return asyncio.isfuture(made_by_c), isinstance(made_by_c, asyncio.Future)

    assert run(impl, body) == (True, True)


@pytest.mark.parametrize("name", ["_GatheringFuture", "_wait"])
def test_functions_within_asyncio_are_wrapped(impl, monkeypatch, name):
    """ddtrace: `asyncio.tasks._GatheringFuture.__init__` and `asyncio.tasks._wait` are wrapped."""

    async def body():
        seen = []
        target = asyncio.tasks._GatheringFuture if name == "_GatheringFuture" else asyncio.tasks
        attribute = "__init__" if name == "_GatheringFuture" else name
        original = getattr(target, attribute)

        def wrapper(*args, **kwargs):
            children = args[1] if name == "_GatheringFuture" else args[0]
            seen.append((len(children), {asyncio.isfuture(child) for child in children}))
            return original(*args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(target, attribute, wrapper)
            await asyncio.gather(asyncio.sleep(0), asyncio.sleep(0))
            await asyncio.wait([asyncio.create_task(asyncio.sleep(0))])
        return seen

    assert len(run_same(impl, body)) == 1


def test_the_python_classes_are_put_in_force_by_hand(impl, monkeypatch):
    """nest_asyncio, pydevd: asyncio.Task and Future become _PyTask and _PyFuture, and mix."""

    async def body():
        loop = asyncio.get_running_loop()
        with monkeypatch.context() as patch:
            patch.setattr(asyncio, "Task", asyncio.tasks._PyTask)
            patch.setattr(asyncio.tasks, "Task", asyncio.tasks._PyTask)
            patch.setattr(asyncio, "Future", asyncio.futures._PyFuture)
            patch.setattr(asyncio.futures, "Future", asyncio.futures._PyFuture)
            task = asyncio.create_task(asyncio.sleep(0, "result"))
            kinds = type(task) is asyncio.tasks._PyTask, type(loop.create_future()).__module__
            return kinds, await task, await asyncio.wait_for(asyncio.shield(task), 3600)

    assert run_same(impl, body) == ((True, "asyncio.futures"), "result", "result")
