"""A loop gets a `call_soon()` or a debug mode of its own while tasks run, in each way there is."""

import asyncio

import pytest
from support import adopt, new_loop


def by_statement(loop, name, value):
    setattr(loop, name, value)


def by_object(loop, name, value):
    object.__setattr__(loop, name, value)


def by_dict(loop, name, value):
    vars(loop)[name] = value


def by_string_of_its_own(loop, name, value):
    """The key is another object than the one that the code of asyncio has."""
    vars(loop)["".join(list(name))] = value


def by_another_dict(loop, name, value):
    loop.__dict__ = {**vars(loop), name: value}


def by_dict_in_pieces(loop, name, value):
    """The dict is no longer laid out as those of other loops are."""
    attributes = vars(loop)
    attributes["another"] = None
    attributes["another"] = attributes.popitem()[1]
    attributes[name] = value


WAYS = [by_statement, by_object, by_dict, by_string_of_its_own, by_another_dict, by_dict_in_pieces]


@pytest.fixture(params=["asyncio", "uvloop"])
def running_loop(request, impl):
    loop = adopt(new_loop(request.param), impl)
    yield loop
    loop.close()


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_call_soon_of_its_own_is_seen_at_once(running_loop, impl, way):
    loop = running_loop
    seen = []

    def noting(callback, *arguments, **keywords):
        seen.append(getattr(callback, "__self__", None))
        return type(loop).call_soon(loop, callback, *arguments, **keywords)

    async def main():
        task = asyncio.current_task()
        await asyncio.sleep(0)
        counts = [seen.count(task)]
        way(loop, "call_soon", noting)
        for _ in range(3):
            await asyncio.sleep(0)
            counts.append(seen.count(task))
        del loop.call_soon
        for _ in range(3):
            await asyncio.sleep(0)
            counts.append(seen.count(task))
        way(loop, "call_soon", noting)
        await asyncio.sleep(0)
        return [*counts, seen.count(task)]

    assert loop.run_until_complete(impl.Task(main(), loop=loop)) == [0, 1, 2, 3, 3, 3, 3, 4]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_another_loop_is_not_taken_for_it(running_loop, impl, way):
    """What one loop has of its own its class has not, nor another loop."""
    loop, other = running_loop, adopt(new_loop("asyncio"), impl)
    seen = []

    def noting(callback, *arguments, **keywords):
        seen.append(callback)
        return type(other).call_soon(other, callback, *arguments, **keywords)

    way(other, "call_soon", noting)

    async def main():
        for _ in range(3):
            await asyncio.sleep(0)

    loop.run_until_complete(impl.Task(main(), loop=loop))
    assert seen == []
    other.run_until_complete(impl.Task(main(), loop=other))
    assert len(seen) >= 4
    other.close()


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_debug_mode_is_seen_at_once(impl, way):
    loop = adopt(new_loop("asyncio"), impl)
    made = []

    async def main():
        made.append(loop.create_future()._source_traceback)
        await asyncio.sleep(0)
        way(loop, "_debug", True)
        made.append(loop.create_future()._source_traceback)
        await asyncio.sleep(0)
        made.append(loop._current_handle is None)
        way(loop, "_debug", False)
        made.append(loop.create_future()._source_traceback)
        await asyncio.sleep(0)
        made.append(loop._current_handle is None)

    loop.run_until_complete(impl.Task(main(), loop=loop))
    before, during, timed, after, plain = made
    assert (before, after) == (None, None)
    assert during
    assert (timed, plain) == (False, True)
    loop.close()


def test_debug_mode_that_the_class_has_is_seen(impl, monkeypatch):
    """A property of the class comes before what the loop has of its own."""
    loop = adopt(new_loop("asyncio"), impl)
    debug = []

    async def main():
        await asyncio.sleep(0)
        made = loop.create_future()._source_traceback
        monkeypatch.setattr(type(loop), "_debug", property(lambda _: bool(debug)), raising=False)
        debug.append(True)
        await asyncio.sleep(0)
        timed = loop._current_handle is not None
        debug.clear()
        await asyncio.sleep(0)
        return made, timed

    assert loop.run_until_complete(impl.Task(main(), loop=loop)) == (None, True)
    monkeypatch.undo()
    loop.close()
