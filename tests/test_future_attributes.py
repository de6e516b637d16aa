"""The private attributes of a future that the standard library and libraries touch."""

import asyncio
import contextvars

import pytest
from support import BuiltinFuture, answer, same_as_builtin

# Attributes, and whether they can be set.
ATTRIBUTES = {
    "_state": False,
    "_result": False,
    "_exception": False,
    "_loop": False,
    "_callbacks": False,
    "_cancel_message": True,
    "_source_traceback": False,
    "_log_traceback": True,
    "_asyncio_future_blocking": True,
}
if hasattr(BuiltinFuture, "_asyncio_awaited_by"):
    ATTRIBUTES["_asyncio_awaited_by"] = False

STATES = {
    "pending": lambda future: None,
    "result": lambda future: future.set_result((1, 2)),
    "result of None": lambda future: future.set_result(None),
    "exception": lambda future: future.set_exception(ValueError("failed")),
    "retrieved exception": lambda future: (
        future.set_exception(ValueError("failed")),
        future.exception(),
    ),
    "cancelled": lambda future: future.cancel(),
    "cancelled with a message": lambda future: future.cancel("because"),
    "awaited": lambda future: future.__await__().send(None),
}


@pytest.fixture
def future(impl, stock_loop):
    return impl.Future(loop=stock_loop)


@pytest.mark.parametrize("prepare", STATES.values(), ids=STATES)
def test_values_in_every_state(impl, stock_loop, prepare):
    def act(future):
        prepare(future)
        values = {name: getattr(future, name) for name in ATTRIBUTES}
        answer(future.exception)
        if isinstance(error := values["_exception"], ValueError):
            values["_exception"] = type(error), error.args
        return values

    same_as_builtin(impl, stock_loop, act)


def test_dir_has_what_the_builtin_class_has(impl, future, stock_loop):
    assert set(dir(impl.Future)) >= set(dir(BuiltinFuture))
    assert set(dir(future)) >= set(dir(BuiltinFuture(loop=stock_loop)))


@pytest.mark.parametrize("name", [name for name in dir(BuiltinFuture) if name != "__doc__"])
def test_kinds_of_attributes(impl, name):
    # Methods stay methods, properties stay properties: what mock and inspect go by.
    assert callable(getattr(impl.Future, name)) == callable(getattr(BuiltinFuture, name))


@pytest.mark.parametrize("name", [name for name, settable in ATTRIBUTES.items() if not settable])
def test_read_only(impl, stock_loop, name):
    for change in (
        lambda future: setattr(future, name, None),
        lambda future: setattr(future, name, []),
        lambda future: delattr(future, name),
    ):
        assert answer(change, BuiltinFuture(loop=stock_loop))[:2] == ("raised", AttributeError)
        assert answer(change, impl.Future(loop=stock_loop))[:2] == ("raised", AttributeError)


@pytest.mark.parametrize("name", [name for name, settable in ATTRIBUTES.items() if settable])
def test_settable_attributes_cannot_be_deleted(impl, stock_loop, name):
    def act(future):
        delattr(future, name)

    assert answer(act, BuiltinFuture(loop=stock_loop))[:2] == ("raised", AttributeError)
    assert answer(act, impl.Future(loop=stock_loop))[:2] == ("raised", AttributeError)


@pytest.mark.parametrize("name", [name for name, settable in ATTRIBUTES.items() if settable])
@pytest.mark.parametrize("value", [True, False, None, 0, 3, "", "text", []], ids=repr)
def test_setting(impl, stock_loop, name, value):
    def act(future):
        setattr(future, name, value)
        return getattr(future, name)

    same_as_builtin(impl, stock_loop, act)


class Undecided:
    def __bool__(self):
        raise LookupError("neither true nor false")


@pytest.mark.parametrize("name", ["_log_traceback", "_asyncio_future_blocking"])
def test_setting_a_flag_to_what_is_neither_true_nor_false(future, name):
    with pytest.raises(LookupError, match="neither true nor false"):
        setattr(future, name, Undecided())
    assert getattr(future, name) is False


def test_log_traceback(future):
    assert future._log_traceback is False
    future.set_exception(ValueError())
    assert future._log_traceback is True
    with pytest.raises(ValueError, match="_log_traceback can only be set to False"):
        future._log_traceback = True
    future._log_traceback = False
    assert future._log_traceback is False


@pytest.mark.parametrize("ask", ["result", "exception", "cancel"])
def test_log_traceback_is_off_once_the_exception_was_seen(future, ask):
    future.set_exception(ValueError())
    answer(getattr(future, ask))
    assert future._log_traceback is False


def test_blocking_flag_tells_futures_from_other_objects(impl, future):
    assert hasattr(impl.Future, "_asyncio_future_blocking")
    assert asyncio.isfuture(future)
    assert not asyncio.isfuture(impl.Future)


# Callbacks


def test_callbacks(future):
    assert future._callbacks is None
    context = contextvars.Context()
    future.add_done_callback(print, context=context)
    assert future._callbacks == [(print, context)]
    future.add_done_callback(str)
    future.add_done_callback(print, context=context)
    callbacks = future._callbacks
    assert type(callbacks) is list
    assert [type(pair) for pair in callbacks] == [tuple] * 3
    assert [callback for callback, _ in callbacks] == [print, str, print]
    assert isinstance(callbacks[1][1], contextvars.Context)
    assert callbacks[2][1] is context
    future.set_result(None)
    assert future._callbacks is None


@pytest.mark.parametrize("count", [1, 2, 3])
def test_list_of_callbacks_is_a_copy(future, count):
    for _ in range(count):
        future.add_done_callback(print)
    copy = future._callbacks
    assert copy is not future._callbacks
    copy.clear()
    assert len(future._callbacks) == count


# What else hangs on an instance


def test_other_attributes(future):
    for name in ("extra", "_cancelled_exc", "__wrapped__"):
        with pytest.raises(AttributeError):
            getattr(future, name)
        setattr(future, name, [name])
        assert getattr(future, name) == [name]
        delattr(future, name)
        with pytest.raises(AttributeError):
            getattr(future, name)


def test_methods_can_be_replaced_on_an_instance(future):
    future.cancel = lambda: "replaced"
    assert future.cancel() == "replaced"
    del future.cancel
    assert future.cancel() is True


def test_class_cannot_be_changed(impl):
    with pytest.raises(TypeError):
        impl.Future.extra = 1
    with pytest.raises(TypeError):
        impl.Future.cancel = None
    with pytest.raises(TypeError):
        del impl.Future.cancel


def test_name_of_the_class(impl):
    assert impl.Future.__name__ == "Future"
    assert impl.Future.__qualname__ == "Future"
    assert impl.Task.__mro__[1] is impl.Future


def test_reading_leaves_the_state_alone(future):
    future.set_exception(ValueError())
    for name in ATTRIBUTES:
        getattr(future, name)
    repr(future)
    assert future._log_traceback is True
    future.exception()
