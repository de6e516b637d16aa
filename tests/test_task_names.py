"""Names: given ones, and those that tasks give themselves."""

import pytest
from support import BuiltinTask, answer, run_child, run_passes


async def nothing():
    pass


def finished(loop, *tasks):
    """Runs the tasks to their end, so that none is left pending; returns their names."""
    run_passes(loop, 2)
    assert all(task.done() for task in tasks)
    return [task.get_name() for task in tasks]


def number(task):
    prefix, _, digits = task.get_name().partition("-")
    assert prefix == "Task"
    return int(digits)


# Names that tasks give themselves


def test_numbers_are_in_order_of_creation(loop, impl):
    tasks = [impl.Task(nothing(), loop=loop) for _ in range(5)]
    numbers = [number(task) for task in tasks]
    assert numbers == list(range(numbers[0], numbers[0] + 5))
    finished(loop, *tasks)


def test_numbers_do_not_depend_on_who_is_asked_first(stock_loop, impl):
    tasks = [impl.Task(nothing(), loop=stock_loop) for _ in range(3)]
    last, middle, first = (number(task) for task in reversed(tasks))
    assert (middle, last) == (first + 1, first + 2)
    finished(stock_loop, *tasks)


def test_number_stays_the_same(stock_loop, impl):
    task = impl.Task(nothing(), loop=stock_loop)
    before = task.get_name()
    impl.Task(nothing(), loop=stock_loop).get_name()
    assert finished(stock_loop, task) == [before]


def test_named_tasks_take_no_number(stock_loop, impl):
    first = impl.Task(nothing(), loop=stock_loop)
    named = impl.Task(nothing(), loop=stock_loop, name="named")
    second = impl.Task(nothing(), loop=stock_loop)
    assert number(second) == number(first) + 1
    finished(stock_loop, first, named, second)


def test_tasks_that_were_refused_take_no_number(stock_loop, impl):
    first = impl.Task(nothing(), loop=stock_loop)
    with pytest.raises(TypeError):
        impl.Task(None, loop=stock_loop)
    second = impl.Task(nothing(), loop=stock_loop)
    assert number(second) == number(first) + 1
    finished(stock_loop, first, second)


def test_renamed_tasks_have_taken_their_number(stock_loop, impl):
    first = impl.Task(nothing(), loop=stock_loop)
    renamed = impl.Task(nothing(), loop=stock_loop)
    renamed.set_name("renamed")
    last = impl.Task(nothing(), loop=stock_loop)
    assert number(last) == number(first) + 2
    assert finished(stock_loop, renamed) == ["renamed"]


def test_name_none_is_a_number(stock_loop, impl):
    task = impl.Task(nothing(), loop=stock_loop, name=None)
    assert number(task) > 0
    finished(stock_loop, task)


def test_subclasses_are_numbered_with_their_base(stock_loop, impl):
    class Subclass(impl.Task):
        pass

    tasks = [kind(nothing(), loop=stock_loop) for kind in (impl.Task, Subclass, impl.Task)]
    first = number(tasks[0])
    assert [number(task) for task in tasks] == [first, first + 1, first + 2]
    finished(stock_loop, *tasks)


def test_numbers_begin_at_one(impl):
    outcome = run_child(
        """
        import asyncio

        async def main():
            tasks = [asyncio.create_task(asyncio.sleep(0)) for _ in range(3)]
            print(asyncio.current_task().get_name(), *[task.get_name() for task in tasks])

        asyncio.run(main())
        """,
        impl,
    )
    assert outcome.status == 0, outcome.stderr
    # Ending the loop takes tasks as well: none of them comes before these.
    assert outcome.stdout == "Task-1 Task-2 Task-3 Task-4\n"


# Names that are given


class Named:
    def __str__(self):
        return "as text"


class Unnameable:
    def __str__(self):
        raise ZeroDivisionError("no text")


class NotText:
    def __str__(self):
        return 42


class TextSubclass(str):
    pass


NAMES = {
    "text": "text",
    "": "",
    "Task-0": "Task-0",
    "42": 42,
    "1.5": 1.5,
    "False": False,
    "('a', 'tuple')": ("a", "tuple"),
    "b'bytes'": b"bytes",
    "as text": Named(),
    "subclass": TextSubclass("subclass"),
}


@pytest.mark.parametrize("name", NAMES)
def test_given_name_is_made_text(loop, impl, name):
    given = impl.Task(nothing(), loop=loop, name=NAMES[name])
    renamed = impl.Task(nothing(), loop=loop)
    assert renamed.set_name(NAMES[name]) is None
    assert finished(loop, given, renamed) == [name, name]
    assert all(isinstance(task.get_name(), str) for task in (given, renamed))


def test_text_is_kept_as_it_is(stock_loop, impl):
    name = TextSubclass("subclass")
    tasks = [kind(nothing(), loop=stock_loop, name=name) for kind in (impl.Task, BuiltinTask)]
    ours, theirs = finished(stock_loop, *tasks)
    assert type(ours) is type(theirs)
    assert (ours is name) is (theirs is name)


@pytest.mark.parametrize("name", [Unnameable(), NotText()])
def test_name_that_has_no_text(stock_loop, impl, errors, name):
    coroutine = nothing()
    outcome = answer(impl.Task, coroutine, loop=stock_loop, name=name)
    assert outcome == answer(BuiltinTask, coroutine, loop=stock_loop, name=name)
    assert outcome[1] in (ZeroDivisionError, TypeError)
    coroutine.close()
    run_passes(stock_loop)
    errors.take()

    def renaming(kind):
        task = kind(nothing(), loop=stock_loop, name="before")
        return answer(task.set_name, name), finished(stock_loop, task)

    assert renaming(impl.Task) == renaming(BuiltinTask)
    assert renaming(impl.Task)[1] == ["before"]


def test_set_name_none_is_the_text_none(stock_loop, impl):
    task = impl.Task(nothing(), loop=stock_loop)
    task.set_name(None)
    assert finished(stock_loop, task) == ["None"]


def test_a_task_can_be_renamed_when_it_is_done(stock_loop, impl):
    task = impl.Task(nothing(), loop=stock_loop, name="before")
    stock_loop.run_until_complete(task)
    task.set_name("after")
    assert task.get_name() == "after"
    assert "name='after'" in repr(task)


@pytest.mark.parametrize("call", [lambda task: task.set_name(), lambda task: task.get_name(1)])
def test_wrong_arguments(stock_loop, impl, call):
    task = impl.Task(nothing(), loop=stock_loop)
    assert answer(call, task)[1] is TypeError
    finished(stock_loop, task)


@pytest.mark.parametrize("name", ["given", 42])
def test_create_task_of_the_loop_hands_the_name_on(loop, impl, name):
    task = loop.create_task(nothing(), name=name)
    assert isinstance(task, impl.Task)
    assert finished(loop, task) == [str(name)]
