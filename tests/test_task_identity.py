"""What a task is: its class, its bases, its methods, and what cannot be done with it."""

import asyncio
import collections.abc
import copy
import pickle
import re
import sys
import types
import weakref

import pytest
from support import BuiltinFuture, BuiltinTask, answer
from support.task_states import (
    finished,
    scheduled,
    shown,
)
from support.tasks import assert_like_builtin


def test_is_an_instance_of_the_interpreters_classes(stock_loop, impl):
    task = impl.Task(asyncio.sleep(0), loop=stock_loop)
    for kind in (impl.Task, impl.Future, BuiltinTask, BuiltinFuture, collections.abc.Awaitable):
        assert isinstance(task, kind)
    assert asyncio.isfuture(task)
    assert asyncio.ensure_future(task) is task
    assert not asyncio.iscoroutine(task)
    assert issubclass(impl.Task, impl.Future)
    assert type(task) is impl.Task
    stock_loop.run_until_complete(task)


def test_class_of_a_subclass_is_the_subclass(stock_loop, impl):
    class Special(impl.Task):
        pass

    task = Special(asyncio.sleep(0), loop=stock_loop)
    assert type(task) is Special
    assert task.__class__ is Special
    assert isinstance(task, Special)
    assert isinstance(task, impl.Task)
    assert isinstance(task, impl.Future)
    stock_loop.run_until_complete(task)


def test_name_of_the_class(impl):
    assert impl.Task.__name__ == impl.Task.__qualname__ == "Task"
    assert impl.Task.__mro__[1] is impl.Future


def test_what_the_class_has_is_what_the_interpreters_class_has(impl):
    def public(kind):
        return {name for name in dir(kind) if not name.startswith("__")}

    ours, theirs = public(impl.Task), public(BuiltinTask)
    assert theirs <= ours
    if sys.version_info >= (3, 12):
        assert ours == theirs
    special = {"__await__", "__iter__", "__del__", "__class_getitem__", "__repr__", "__init__"}
    assert special <= set(dir(impl.Task))


def test_generic_alias(impl):
    alias = impl.Task[int]
    assert isinstance(alias, types.GenericAlias)
    assert alias.__origin__ is impl.Task
    assert alias.__args__ == (int,)


@pytest.mark.parametrize("call", [copy.copy, copy.deepcopy, pickle.dumps])
@pytest.mark.parametrize("state", [scheduled, finished])
def test_neither_copied_nor_pickled(impl, state, call):
    def without_module(task):
        how, *what = answer(call, task)
        if how == "returned":
            return "returned"
        return how, what[0], re.sub(r"'[\w.]*\bTask'", "'Task'", what[1])

    assert assert_like_builtin(lambda impl: shown(impl, state, without_module), impl) != "returned"


def test_weak_references(stock_loop, impl):
    task = impl.Task(asyncio.sleep(0), loop=stock_loop)
    gone = []
    references = weakref.ref(task), weakref.ref(task, gone.append), weakref.proxy(task)
    stock_loop.run_until_complete(task)
    assert references[0]() is task
    assert references[2].done()
    del task
    assert references[0]() is None
    assert gone == [references[1]]


def test_equal_to_itself_alone(stock_loop, impl):
    tasks = [impl.Task(asyncio.sleep(0), loop=stock_loop) for _ in range(2)]
    assert tasks[0] == tasks[0]
    assert tasks[0] != tasks[1]
    assert len({*tasks, *tasks}) == 2
    with pytest.raises(TypeError):
        _ = tasks[0] < tasks[1]
    stock_loop.run_until_complete(asyncio.wait(tasks))


def test_new_attributes(stock_loop, impl):
    """Plain tasks take them as well."""
    task = impl.Task(asyncio.sleep(0), loop=stock_loop)
    task.extra = 42
    stock_loop.run_until_complete(task)
    assert task.extra == 42
    del task.extra
    assert not hasattr(task, "extra")
