"""What a future passes for: to `isinstance`, asyncio's functions, copy, pickle and weakref."""

import asyncio
import collections.abc
import concurrent.futures
import copy
import pickle
import threading
import types
import weakref

import pytest
from support import BuiltinFuture, BuiltinTask, adopt, answer, new_loop, run_passes, same_as_builtin


@pytest.fixture
def future(impl, stock_loop):
    return impl.Future(loop=stock_loop)


# isinstance


def test_exact_instance_passes_for_the_builtin_class(impl, future):
    assert type(future) is impl.Future
    assert isinstance(future, impl.Future)
    assert isinstance(future, BuiltinFuture)
    assert not isinstance(future, BuiltinTask)
    assert not isinstance(future, impl.Task)


def test_exact_task_passes_for_the_builtin_classes(impl, stock_loop):
    task = impl.Task(asyncio.sleep(0), loop=stock_loop)
    assert type(task) is impl.Task
    for cls in (impl.Task, impl.Future, BuiltinTask, BuiltinFuture):
        assert isinstance(task, cls)
    stock_loop.run_until_complete(task)


def test_subclass_is_itself(impl, stock_loop):
    class Promise(impl.Future):
        pass

    class Job(impl.Task):
        pass

    promise, job = Promise(loop=stock_loop), Job(asyncio.sleep(0), loop=stock_loop)
    assert promise.__class__ is type(promise) is Promise
    assert job.__class__ is type(job) is Job
    assert isinstance(promise, Promise)
    assert isinstance(promise, impl.Future)
    assert isinstance(job, impl.Task)
    assert isinstance(job, impl.Future)
    assert not isinstance(promise, impl.Task)
    assert not isinstance(impl.Future(loop=stock_loop), Promise)
    stock_loop.run_until_complete(job)


def test_class_of_an_instance_cannot_be_changed(impl, future, stock_loop):
    class Promise(impl.Future):
        pass

    for instance, cls in (
        (future, Promise),
        (future, int),
        (Promise(loop=stock_loop), impl.Future),
    ):
        before = type(instance)
        with pytest.raises(TypeError):
            instance.__class__ = cls
        assert type(instance) is before


def test_class_of_an_instance_of_a_subclass_can_be_changed_to_another(impl, stock_loop):
    class One(impl.Future):
        pass

    class Two(impl.Future):
        pass

    instance = One(loop=stock_loop)
    instance.__class__ = Two
    assert type(instance) is Two
    assert instance.__class__ is Two


def test_abstract_classes(impl):
    assert issubclass(impl.Future, collections.abc.Awaitable)
    assert issubclass(impl.Future, collections.abc.Iterable)
    assert not issubclass(impl.Future, collections.abc.Iterator)
    assert not issubclass(impl.Future, collections.abc.Coroutine)


def test_isfuture(impl, future, stock_loop):
    class Promise(impl.Future):
        pass

    assert asyncio.isfuture(future)
    assert asyncio.isfuture(Promise(loop=stock_loop))
    assert not asyncio.isfuture(Promise)


def test_subclass_that_denies_being_a_future(impl, stock_loop):
    class NoFuture(impl.Future):
        _asyncio_future_blocking = None

    assert not asyncio.isfuture(NoFuture(loop=stock_loop))


# Equality and hashing


def test_equal_to_itself_alone(impl, future, stock_loop):
    other = impl.Future(loop=stock_loop)
    assert future == future
    assert future != other
    assert hash(future) == hash(future)
    assert {future, other, future} == {other, future}
    for each in (future, other):
        each.set_result(1)
    assert future != other
    with pytest.raises(TypeError):
        _ = future < other


def test_state_does_not_change_the_hash(future):
    before = hash(future)
    future.set_result([])
    assert hash(future) == before


# asyncio's own functions


def test_ensure_future_returns_it(future, stock_loop):
    assert asyncio.ensure_future(future) is future
    assert asyncio.ensure_future(future, loop=stock_loop) is future


def test_ensure_future_for_another_loop(future):
    other = new_loop("asyncio")
    wrong = answer(asyncio.ensure_future, future, loop=other)
    other.close()
    assert wrong[:2] == ("raised", ValueError)


def test_wrap_future_returns_it(future):
    assert asyncio.wrap_future(future) is future


@pytest.mark.parametrize("outcome", ["result", "exception", "cancelled"])
def test_wrap_a_concurrent_future(impl, stock_loop, outcome):
    concurrent_future = concurrent.futures.Future()
    wrapped = asyncio.wrap_future(concurrent_future, loop=stock_loop)
    assert type(wrapped) is impl.Future
    assert wrapped.get_loop() is stock_loop
    if outcome == "result":
        concurrent_future.set_result("from a thread")
        assert stock_loop.run_until_complete(wrapped) == "from a thread"
    elif outcome == "exception":
        concurrent_future.set_exception(LookupError("from a thread"))
        with pytest.raises(LookupError, match="from a thread"):
            stock_loop.run_until_complete(wrapped)
    else:
        concurrent_future.cancel()
        with pytest.raises(asyncio.CancelledError):
            stock_loop.run_until_complete(wrapped)


def test_cancelling_a_wrapper_cancels_the_concurrent_future(impl, stock_loop):
    concurrent_future = concurrent.futures.Future()
    wrapped = asyncio.wrap_future(concurrent_future, loop=stock_loop)
    wrapped.cancel()
    run_passes(stock_loop)
    assert concurrent_future.cancelled()


@pytest.mark.parametrize("outcome", ["result", "exception", "cancelled"])
def test_run_coroutine_threadsafe(loop, impl, outcome):
    future = impl.Future(loop=loop)

    async def work():
        assert type(asyncio.current_task()) is impl.Task
        return await future

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        outside = asyncio.run_coroutine_threadsafe(work(), loop)
        assert type(outside) is concurrent.futures.Future
        if outcome == "result":
            loop.call_soon_threadsafe(future.set_result, "from the loop")
            assert outside.result() == "from the loop"
        elif outcome == "exception":
            loop.call_soon_threadsafe(future.set_exception, LookupError("from the loop"))
            with pytest.raises(LookupError, match="from the loop"):
                outside.result()
        else:
            loop.call_soon_threadsafe(future.cancel)
            with pytest.raises(concurrent.futures.CancelledError):
                outside.result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def test_gather(loop, impl):
    futures = [impl.Future(loop=loop) for _ in range(3)]

    async def main():
        for number, future in enumerate(reversed(futures)):
            loop.call_soon(future.set_result, number)
        return await asyncio.gather(*futures, futures[0])

    assert loop.run_until_complete(main()) == [2, 1, 0, 2]


def test_wait(loop, impl):
    futures = [impl.Future(loop=loop) for _ in range(3)]

    async def main():
        loop.call_soon(futures[1].set_result, "first")
        return await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)

    done, pending = loop.run_until_complete(main())
    assert done == {futures[1]}
    assert pending == {futures[0], futures[2]}


def test_wait_for(loop, impl):
    in_time, too_late = impl.Future(loop=loop), impl.Future(loop=loop)

    async def main():
        loop.call_soon(in_time.set_result, "in time")
        assert await asyncio.wait_for(in_time, 60) == "in time"
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(too_late, 0)
        assert too_late.cancelled()

    loop.run_until_complete(main())


def test_shield(loop, impl):
    inner = impl.Future(loop=loop)

    async def main():
        outer = asyncio.shield(inner)
        assert type(outer) is impl.Future
        outer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await outer
        assert not inner.done()
        loop.call_soon(inner.set_result, "protected")
        return await asyncio.shield(inner)

    assert loop.run_until_complete(main()) == "protected"


def test_as_completed(loop, impl):
    futures = [impl.Future(loop=loop) for _ in range(3)]

    async def main():
        for number in (2, 0, 1):
            loop.call_soon(futures[number].set_result, number)
        return [await each for each in asyncio.as_completed(futures)]

    assert loop.run_until_complete(main()) == [2, 0, 1]


def test_timeout(loop, impl):
    future = impl.Future(loop=loop)

    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await future
        return future.cancelled()

    assert loop.run_until_complete(main()) is True


def test_builtin_future_awaited_by_the_task_of_an_implementation(loop, impl):
    future = BuiltinFuture(loop=loop)

    async def main():
        return await future

    loop.call_soon(future.set_result, "crossed over")
    assert loop.run_until_complete(impl.Task(main(), loop=loop)) == "crossed over"


def test_future_of_an_implementation_awaited_by_a_builtin_task(loop, impl):
    future = impl.Future(loop=loop)

    async def main():
        return await future

    loop.call_soon(future.set_result, "crossed over")
    assert loop.run_until_complete(BuiltinTask(main(), loop=loop)) == "crossed over"


def test_loops_make_them(impl):
    # A stock loop looks its classes up each time it makes one.
    loop = new_loop("asyncio")
    with impl.in_force():
        assert type(loop.create_future()) is impl.Future
        task = loop.create_task(asyncio.sleep(0))
        assert type(task) is impl.Task
        loop.run_until_complete(task)
    loop.close()


def test_adopted_loop_makes_them(loop, impl):
    assert type(loop.create_future()) is impl.Future
    assert adopt(loop, impl) is loop


# Generic aliases


def test_generic_alias(impl, stock_loop):
    alias = impl.Future[int]
    assert type(alias) is types.GenericAlias
    assert alias.__origin__ is impl.Future
    assert alias.__args__ == (int,)
    assert type(alias(loop=stock_loop)) is impl.Future
    assert impl.Task[str].__origin__ is impl.Task

    class Promise(impl.Future[int]):
        pass

    assert Promise.__bases__ == (impl.Future,)
    assert Promise[str].__origin__ is Promise


# Weak references


def test_weak_references(future):
    reference = weakref.ref(future)
    assert reference() is future
    assert weakref.ref(future) is reference
    assert weakref.proxy(future).done() is False
    assert weakref.getweakrefcount(future) == 1
    assert list(weakref.WeakSet([future])) == [future]


def test_weak_reference_dies_with_the_future(impl, stock_loop):
    called = []
    future = impl.Future(loop=stock_loop)
    reference = weakref.ref(future, called.append)
    table = weakref.WeakValueDictionary({"future": future})
    del future
    assert reference() is None
    assert called == [reference]
    assert dict(table) == {}


# Copies


@pytest.mark.parametrize(
    "make_done",
    [lambda future: None, lambda future: future.set_result(1), lambda future: future.cancel()],
    ids=["pending", "finished", "cancelled"],
)
@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy], ids=["copy", "deepcopy"])
def test_no_copies(impl, stock_loop, make_done, how):
    def act(future):
        make_done(future)
        how(future)

    _, error, *_ = same_as_builtin(impl, stock_loop, act)
    assert error is TypeError


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_no_pickles(impl, stock_loop, protocol):
    _, error, *_ = same_as_builtin(impl, stock_loop, lambda f: pickle.dumps(f, protocol))
    assert error is TypeError


@pytest.mark.parametrize("protocol", range(6))
def test_no_reducing(impl, stock_loop, protocol):
    _, error, *_ = same_as_builtin(impl, stock_loop, lambda f: f.__reduce_ex__(protocol))
    assert error is TypeError


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, pickle.dumps])
def test_no_copies_of_a_subclass(impl, stock_loop, how):
    def attempt(base):
        class Promise(base):
            pass

        return answer(how, Promise(loop=stock_loop))

    assert attempt(impl.Future) == attempt(BuiltinFuture)
    assert attempt(impl.Future)[1] is TypeError
