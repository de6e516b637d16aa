"""`gather()` and `shield()` on loops with an eager task factory.

Each scenario runs on the interpreter's classes and on ours.
"""

import asyncio
import re
import sys

import pytest
from support import implementation
from support.child import run_child
from support.tasks import assert_like_builtin, ending, supervised_loop

pytestmark = pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks are of 3.12")


def run(impl, main):
    """Runs `main(loop, log)` with the eager factory of `impl`; returns how that ended."""
    log = []
    with impl.in_force(), supervised_loop(impl) as (loop, recorder):
        loop.set_task_factory(impl.eager_task_factory)
        task = impl.Task(main(loop, log), loop=loop)
        loop.run_until_complete(asyncio.wait([task]))
        loop.set_debug(False)
        return ending(task), log, recorder.messages()


def shown(object):
    """The repr, without what is not the same in two runs, and without where it was created."""
    return re.sub(r"0x[0-9a-f]+|Task-\d+|(?<=created at )[^ >]+", "…", repr(object))


async def result(value):
    return value


async def later(value):
    await asyncio.sleep(0)
    return value


async def failing(value):
    raise ValueError(value)


async def debug_on():
    asyncio.get_running_loop().set_debug(True)
    return "debug"


async def all_done_at_once(loop, log):
    gathering = asyncio.gather(*(result(number) for number in range(3)))
    log.append(gathering.done())
    return await gathering


async def some_later(loop, log):
    gathering = asyncio.gather(result(1), later(2), loop.create_task(later(3)), result(4))
    log.append(gathering.done())
    return await gathering


async def one_fails_at_once(loop, log):
    waiting = loop.create_task(later("waited"))
    gathering = asyncio.gather(waiting, failing("at once"), later("late"))
    log.append(gathering.done())
    try:
        await gathering
    except ValueError as error:
        log.append(str(error))
    return await waiting


async def futures_finished_meanwhile(loop, log):
    future = loop.create_future()

    async def finishing():
        future.set_result("future")

    return await asyncio.gather(future, finishing(), later("later"))


async def shielded(loop, log):
    log.append(asyncio.shield(result("at once")).done())
    return await asyncio.shield(later("later"))


async def factory_is_changed_meanwhile(loop, log):
    async def change():
        loop.set_task_factory(None)

    gathering = asyncio.gather(result(1), change(), result(2))
    log.append(gathering.done())
    return await gathering


async def debug_meanwhile(loop, log):
    future, made = loop.create_future(), []

    async def making():
        future.add_done_callback(log.append)
        return await debug_on()

    gathering = asyncio.gather(future, later(1), making(), later(2), future)
    log.extend([shown(gathering), shown(future)])
    made.extend(task for task in asyncio.all_tasks() if task is not asyncio.current_task())
    log.append(sorted(shown(task) for task in made))
    future.set_result("future")
    answer = await gathering
    log[-2:] = [shown(it) for it in log[-2:]]
    return answer


async def debug_meanwhile_in_shield(loop, log):
    async def waiting():
        await debug_on()
        return await later("later")

    outer = asyncio.shield(waiting())
    log.append(shown(outer))
    return await outer


MAINS = [
    all_done_at_once,
    some_later,
    one_fails_at_once,
    futures_finished_meanwhile,
    shielded,
    factory_is_changed_meanwhile,
    debug_meanwhile,
    debug_meanwhile_in_shield,
]


@pytest.mark.parametrize("main", MAINS, ids=lambda main: main.__name__)
def test_eager(impl, main):
    assert_like_builtin(lambda impl: run(impl, main), impl)


def test_what_was_replaced_before_the_import_does_no_harm():
    program = """
        import functools
        wrapped = asyncio.BaseEventLoop.create_task
        class Wrapper:
            __call__ = staticmethod(lambda *args, **options: wrapped(*args, **options))
            def __get__(self, loop, owner=None):
                return self if loop is None else functools.partial(self, loop)
        asyncio.BaseEventLoop.create_task = Wrapper()
        factory = asyncio.eager_task_factory
        def plain(loop, coro, **options):
            return factory(loop, coro, **options)
        asyncio.tasks.eager_task_factory = asyncio.eager_task_factory = PLACEHOLDER
        import aioxide
        aioxide.install()

        async def main():
            asyncio.get_running_loop().set_task_factory(plain)
            async def child(): return 1
            print(await asyncio.gather(child(), child()))

        asyncio.run(main())
    """
    for replacement in ("plain", "Wrapper()"):
        done = run_child(
            program.replace("PLACEHOLDER", replacement),
            implementation("builtin"),
            setup="import asyncio",
        )
        assert (done.status, done.stdout, done.stderr) == (0, "[1, 1]\n", "")


class Leaving(SystemExit):
    pass


@pytest.mark.parametrize("make", [asyncio.gather, asyncio.shield], ids=["gather", "shield"])
def test_what_leaves_an_eager_step_has_passed_through_asyncio(impl, make):
    def scenario(impl):
        async def leaving():
            raise Leaving

        async def main(loop, log):
            try:
                getattr(asyncio, make.__name__)(leaving())
            except Leaving as error:
                frames, traceback = [], error.__traceback__
                while traceback:
                    frames.append(traceback.tb_frame.f_code.co_name)
                    traceback = traceback.tb_next
                log.append(frames)

        return run(impl, main)

    _, [frames], _ = assert_like_builtin(scenario, impl)
    assert frames[-1] == "leaving"
