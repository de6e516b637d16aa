"""`remove_done_callback()`: removes whatever is equal, and withstands what a comparison may do."""

import sys

import pytest
from support import run_passes, same_as_builtin

# Comparisons that change the future they are made for crash the built-in class of older versions.
withstands_evil_comparisons = sys.version_info >= (3, 13, 1) or (3, 12, 8) <= sys.version_info < (
    3,
    13,
)


@pytest.fixture
def future(impl, stock_loop):
    return impl.Future(loop=stock_loop)


class Equal:
    """Callable, and equal to every other of the same `key`."""

    def __init__(self, key, calls=None):
        self.key = key
        self.calls = calls

    def __eq__(self, other):
        return isinstance(other, Equal) and self.key == other.key

    __hash__ = None

    def __call__(self, future):
        self.calls.append(self.key)


def registered(future):
    return [callback for callback, _ in future._callbacks or ()]


@pytest.mark.parametrize("count", range(4))
@pytest.mark.parametrize("others", range(3))
def test_removes_every_one_and_counts(future, stock_loop, count, others):
    calls = []
    unwanted = Equal("unwanted", calls)
    for number in range(max(count, others)):
        if number < others:
            future.add_done_callback(Equal(number, calls))
        if number < count:
            future.add_done_callback(unwanted)
    assert future.remove_done_callback(unwanted) == count
    assert future.remove_done_callback(unwanted) == 0
    future.set_result(None)
    run_passes(stock_loop)
    assert calls == list(range(others))


def test_nothing_left_is_none(future):
    future.add_done_callback(print)
    assert future._callbacks is not None
    future.remove_done_callback(print)
    assert future._callbacks is None


@pytest.mark.parametrize("position", range(4))
def test_removes_at_every_position(future, position):
    callbacks = [Equal(number) for number in range(4)]
    for callback in callbacks:
        future.add_done_callback(callback)
    assert future.remove_done_callback(Equal(position)) == 1
    assert [callback.key for callback in registered(future)] == [
        number for number in range(4) if number != position
    ]


def test_bound_methods_are_equal_without_being_identical(future, stock_loop):
    calls = []
    assert calls.append is not calls.append
    future.add_done_callback(calls.append)
    assert future.remove_done_callback(calls.append) == 1
    future.set_result(None)
    run_passes(stock_loop)
    assert calls == []


def test_partials_are_only_equal_to_themselves(future):
    from functools import partial

    first, second = partial(print, 1), partial(print, 1)
    future.add_done_callback(first)
    assert future.remove_done_callback(second) == 0
    assert future.remove_done_callback(first) == 1


@pytest.mark.parametrize("make_done", [lambda f: f.set_result(1), lambda f: f.cancel()])
def test_nothing_to_remove_from_a_done_future(future, stock_loop, make_done):
    calls = []
    future.add_done_callback(calls.append)
    make_done(future)
    assert future.remove_done_callback(calls.append) == 0
    run_passes(stock_loop)
    assert calls == [future]


class Different:
    """Not even equal to itself."""

    def __eq__(self, other):
        return False

    __hash__ = None


@pytest.mark.parametrize("before", range(3))
def test_callback_that_is_not_equal_to_itself(impl, stock_loop, before):
    def act(future):
        different = Different()
        for _ in range(before):
            future.add_done_callback(print)
        future.add_done_callback(different)
        return future.remove_done_callback(different)

    same_as_builtin(impl, stock_loop, act)


class Incomparable:
    def __eq__(self, other):
        raise LookupError("not comparable")

    __hash__ = None


@pytest.mark.parametrize("before", range(3))
def test_comparison_that_fails(impl, stock_loop, before):
    def act(future):
        for _ in range(before):
            future.add_done_callback(print)
        future.add_done_callback(Incomparable())
        try:
            future.remove_done_callback(str)
        except LookupError:
            return [str(type(callback)) for callback in registered(future)]

    _, left = same_as_builtin(impl, stock_loop, act)
    assert len(left) == before + 1


class Meddler:
    """A callback whose comparison runs `act`, once, and says that it is different or equal."""

    def __init__(self, act, verdict):
        self.act, self.verdict = act, verdict

    def __eq__(self, other):
        act, self.act = self.act, lambda: None
        act()
        return self.verdict

    __hash__ = None

    def __call__(self, future):
        pass


MEDDLING = {
    "remove others": lambda future: future.remove_done_callback(print),
    "remove all": lambda future: [
        future.remove_done_callback(callback) for callback in registered(future)
    ],
    "add": lambda future: [future.add_done_callback(str) for _ in range(50)],
    "finish": lambda future: future.set_result("finished in between"),
    "cancel": lambda future: future.cancel(),
    "begin again": lambda future: future.__init__(loop=future.get_loop()),
}


@pytest.mark.parametrize("verdict", [True, False])
@pytest.mark.parametrize("position", range(4))
@pytest.mark.parametrize("meddling", MEDDLING.values(), ids=MEDDLING)
def test_comparison_that_changes_the_future(impl, future, stock_loop, meddling, position, verdict):
    if impl.name == "builtin" and not withstands_evil_comparisons:
        pytest.skip("may crash the built-in class of this patch level")
    for number in range(4):
        if number == position:
            future.add_done_callback(Meddler(lambda: meddling(future), verdict))
        else:
            future.add_done_callback(print)
    # How many were removed is anyone's guess; what matters is that it is still a sound future.
    assert type(future.remove_done_callback(Equal("whatever"))) is int
    if not future.done():
        assert all(callable(callback) for callback in registered(future))
        future.remove_done_callback(print)
        future.set_result("finished after all")
    assert future.done()
    assert future._callbacks is None
    run_passes(stock_loop)
