"""What a Python program gets without an extension: to_thread(), read_file(), write_file()."""

import asyncio
import contextvars
import errno
import os
import pathlib
import threading

import aioxide
import pytest

VARIABLE = contextvars.ContextVar("VARIABLE", default="unset")


def test_to_thread_calls_in_another_thread_with_the_context(loop):
    def function(*args, **kwargs):
        return args, kwargs, VARIABLE.get(), threading.get_ident()

    async def main():
        token = VARIABLE.set("mine")
        future = aioxide.to_thread(function, 1, 2, three=3, func=4)
        VARIABLE.reset(token)
        return type(future), await future

    kind, (args, kwargs, value, thread) = loop.run_until_complete(main())
    assert kind is aioxide.Future
    assert (args, kwargs, value) == ((1, 2), {"three": 3, "func": 4}, "mine")
    assert thread != threading.get_ident()


def test_to_thread_keeps_what_is_set_to_itself(stock_loop):
    async def main():
        await aioxide.to_thread(VARIABLE.set, "theirs")
        return VARIABLE.get()

    assert stock_loop.run_until_complete(main()) == "unset"


@pytest.mark.parametrize("error", [LookupError, KeyboardInterrupt, SystemExit, StopIteration])
def test_to_thread_raises_what_the_function_raises(stock_loop, error):
    def function():
        raise error("there")

    async def main():
        try:
            await aioxide.to_thread(function)
        except BaseException as caught:
            return caught

    expected = (RuntimeError, TypeError) if error is StopIteration else error
    assert isinstance(stock_loop.run_until_complete(main()), expected)


def test_to_thread_needs_something_to_call(stock_loop):
    async def main():
        with pytest.raises(TypeError):
            aioxide.to_thread()
        with pytest.raises(TypeError, match="not callable"):
            await aioxide.to_thread(7)

    stock_loop.run_until_complete(main())


def test_threads_run_at_the_same_time(stock_loop):
    barrier = threading.Barrier(20)

    async def main():
        await asyncio.gather(*(aioxide.to_thread(barrier.wait) for _ in range(20)))

    stock_loop.run_until_complete(main())


def test_cancelling_a_call_that_runs_does_not_wait_for_it(loop):
    started, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def function():
        started.set()
        go_on.wait()
        ended.set()

    async def main():
        task = loop.create_task(call())
        await asyncio.sleep(0)
        started.wait()
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled(), ended.is_set()

    async def call():
        await aioxide.to_thread(function)

    assert loop.run_until_complete(main()) == (True, False)
    go_on.set()
    ended.wait()


def test_a_file_is_written_and_read(loop, tmp_path):
    path = tmp_path / "file"
    content = os.urandom(100_000)

    async def main():
        written = await aioxide.write_file(path, content)
        return written, await aioxide.read_file(path)

    assert loop.run_until_complete(main()) == (100_000, content)
    assert path.read_bytes() == content


@pytest.mark.parametrize("kind", [str, os.fsencode, pathlib.Path])
def test_a_path_is_what_open_takes(stock_loop, tmp_path, kind):
    path = tmp_path / "ünïcode"

    async def main():
        await aioxide.write_file(kind(path), b"content")
        return await aioxide.read_file(kind(path))

    assert stock_loop.run_until_complete(main()) == b"content"


@pytest.mark.parametrize(
    "data", [b"abc", bytearray(b"abc"), memoryview(b"abc"), memoryview(b"a-b-c")[::2]]
)
def test_what_is_like_bytes_can_be_written(stock_loop, tmp_path, data):
    async def main():
        return await aioxide.write_file(tmp_path / "file", data)

    assert stock_loop.run_until_complete(main()) == 3
    assert (tmp_path / "file").read_bytes() == b"abc"


def test_writing_replaces_what_was_there(stock_loop, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"something long")

    async def main():
        await aioxide.write_file(path, b"short")

    stock_loop.run_until_complete(main())
    assert path.read_bytes() == b"short"


def error_of(function, *args):
    try:
        function(*args)
    except Exception as error:
        return type(error), getattr(error, "errno", None), getattr(error, "filename", None)


def write_bytes(path, data):
    with open(path, "wb") as file:
        file.write(data)


def read_bytes(path):
    with open(path, "rb") as file:
        return file.read()


@pytest.mark.parametrize(
    "name", ["missing/file", ".", "file/below", "n" * 300, "a\0b"], ids=lambda name: repr(name[:12])
)
@pytest.mark.parametrize("writes", [False, True], ids=["read", "write"])
def test_errors_are_those_of_open(stock_loop, tmp_path, monkeypatch, name, writes):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    arguments = (name, b"") if writes else (name,)
    expected = error_of(write_bytes if writes else read_bytes, *arguments)
    if not writes and name == ".":
        # open() itself refuses a directory; here it is opened, and cannot be read.
        expected = (IsADirectoryError, errno.EISDIR, ".")

    async def main():
        await (aioxide.write_file if writes else aioxide.read_file)(*arguments)

    assert expected is not None
    assert error_of(stock_loop.run_until_complete, main()) == expected


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do everything")
def test_what_is_not_permitted_is_a_permission_error(stock_loop, tmp_path):
    path = tmp_path / "file"
    path.touch(mode=0)

    async def main():
        await aioxide.read_file(path)

    with pytest.raises(PermissionError) as caught:
        stock_loop.run_until_complete(main())
    assert (caught.value.errno, caught.value.filename) == (errno.EACCES, str(path))


def test_wrong_arguments_are_type_errors(stock_loop, tmp_path):
    async def main():
        for path in (7, None, ["a"]):
            with pytest.raises(TypeError):
                aioxide.read_file(path)
        for data in ("text", 7, [1, 2]):
            with pytest.raises(TypeError):
                aioxide.write_file(tmp_path / "file", data)

    stock_loop.run_until_complete(main())


def test_reading_can_be_cancelled(loop, tmp_path):
    os.mkfifo(tmp_path / "fifo")

    async def main():
        task = loop.create_task(read())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    async def read():
        await aioxide.read_file(tmp_path / "fifo")

    assert loop.run_until_complete(main())
    # The thread that waits for somebody to write is let go.
    with open(tmp_path / "fifo", "wb"):
        pass


@pytest.mark.parametrize("call", [lambda: aioxide.to_thread(int), lambda: aioxide.read_file("x")])
def test_without_a_running_loop_nothing_happens(call):
    with pytest.raises(RuntimeError, match="no running event loop"):
        call()
