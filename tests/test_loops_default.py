"""Which loop a future takes when it is given none."""

import asyncio
import gc
import threading
import warnings

import pytest
from support import (
    answer,
    implementation,
    new_loop,
    run_child,
)
from support.tasks import assert_like_builtin


async def value(result):
    return result


@pytest.fixture
def no_current_loop():
    asyncio.set_event_loop(None)
    yield
    asyncio.set_event_loop(None)


MAKE = pytest.mark.parametrize(
    "make",
    [lambda impl: impl.Future(), lambda impl: impl.Future(loop=None)],
    ids=["without", "None"],
)


@MAKE
def test_running_loop_is_taken(loop, impl, make):
    async def main():
        return make(impl)

    assert loop.run_until_complete(impl.Task(main(), loop=loop)).get_loop() is loop


def test_running_loop_is_taken_by_a_task(loop, impl):
    async def main():
        task = impl.Task(value("child"))
        assert task.get_loop() is loop
        return await task

    assert loop.run_until_complete(impl.Task(main(), loop=loop)) == "child"


def in_a_new_thread(call):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(answer(call)), name="loopless")
    thread.start()
    thread.join()
    return answers[0]


def with_warnings(call):
    """Returns the answer of `call` and the warnings it gave."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        given = answer(call)
    gc.collect()
    return given, [(warning.category, str(warning.message)) for warning in caught]


@pytest.mark.parametrize("where", ["main thread", "other thread"])
@pytest.mark.parametrize("kind", ["Future", "Task"])
def test_no_loop_at_all(impl, no_current_loop, where, kind):
    def make(impl):
        if kind == "Future":
            return impl.Future().get_loop()
        coroutine = value(1)
        try:
            return impl.Task(coroutine).get_loop()
        finally:
            coroutine.close()

    def scenario(impl):
        call = lambda: make(impl)  # noqa: E731
        return with_warnings(call if where == "main thread" else lambda: in_a_new_thread(call))

    given, _ = assert_like_builtin(scenario, impl)
    assert RuntimeError in (given[1] if given[0] == "returned" else given)


@MAKE
def test_current_loop_that_does_not_run(impl, no_current_loop, make):
    # Taken with or without a warning, depending on the version.
    loop = new_loop("asyncio")
    asyncio.set_event_loop(loop)

    def scenario(impl):
        return with_warnings(lambda: make(impl).get_loop() is loop)

    given, _ = assert_like_builtin(scenario, impl)
    assert given == ("returned", True)
    loop.close()


def test_running_loop_wins_over_the_current_one(stock_loop, impl, no_current_loop):
    other = new_loop("asyncio")
    asyncio.set_event_loop(other)

    async def main():
        return impl.Future().get_loop()

    assert stock_loop.run_until_complete(main()) is stock_loop
    other.close()


def test_fresh_process_without_a_loop(impl):
    # Where nothing was ever set, older versions make a loop, newer ones warn or refuse.
    program = """
        import asyncio, warnings
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                loop = asyncio.Future().get_loop()
            except RuntimeError as error:
                print("RuntimeError:", error)
            else:
                print("made:", type(loop).__name__)
                loop.close()
        for warning in caught:
            print(warning.category.__name__, warning.message, warning.lineno)
    """
    expected = run_child(program, implementation("builtin"))
    assert run_child(program, impl) == expected
    assert expected.status == 0


def test_event_loop_policy_is_asked(impl, no_current_loop):
    def scenario(impl):
        asked = []

        class Policy(asyncio.DefaultEventLoopPolicy):
            def get_event_loop(self):
                asked.append("asked")
                raise LookupError("from the policy")

        asyncio.set_event_loop_policy(Policy())
        try:
            return answer(impl.Future), asked
        finally:
            asyncio.set_event_loop_policy(None)

    with warnings.catch_warnings():
        # Policies are on their way out since 3.14.
        warnings.simplefilter("ignore", DeprecationWarning)
        given, asked = assert_like_builtin(scenario, impl)
    assert given[1] is LookupError
    assert asked == ["asked"]
