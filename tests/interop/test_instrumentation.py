"""Instrumentation: sentry, opentelemetry and aiodebug themselves."""

import asyncio
import contextlib
import functools
import time

import pytest

from interop.running import library, passes, run


@pytest.mark.once
def test_sentry_wraps_every_task(impl):
    sentry, integration = library("sentry_sdk"), library("sentry_sdk.integrations.asyncio")

    async def body():
        events = []

        async def failing():
            await asyncio.sleep(0)
            raise ValueError("message")

        options = {
            "dsn": "http://key@127.0.0.1:1/1",
            # Returns None: nothing is sent.
            "before_send": lambda event, hint: events.append(event["exception"]),
            "default_integrations": False,
            "auto_enabling_integrations": False,
        }
        sentry.init(**options)
        integration.enable_asyncio_integration()
        try:
            task = asyncio.create_task(failing())
            kind = type(task) is impl.Task
            with pytest.raises(ValueError, match="message"):
                await task
            async with asyncio.TaskGroup() as group:
                child = group.create_task(asyncio.sleep(0, "result"), name="child")
        finally:
            asyncio.get_running_loop().set_task_factory(None)
        mechanisms = [each["values"][-1]["mechanism"]["type"] for each in events]
        return kind, child.result(), mechanisms

    # sentry makes tasks of the class that it found when it was imported, unless there is a factory.
    prepare = functools.partial(asyncio.BaseEventLoop.set_task_factory, factory=impl.task_factory)
    assert run(impl, body, prepare=prepare) == (True, "result", ["asyncio"])


class Span:
    """A span of a tracer that only takes names down."""

    def __init__(self, name):
        self.name = name

    def __getattr__(self, name):
        return lambda *args, **kwargs: None


class Tracer:
    def __init__(self):
        self.names = []

    def get_tracer(self, *args, **kwargs):
        return self

    def start_span(self, name, *args, **kwargs):
        self.names.append(name)
        return Span(name)


@pytest.mark.once
def test_opentelemetry_traces_tasks_and_futures(impl, monkeypatch):
    instrumentation = library("opentelemetry.instrumentation.asyncio")
    monkeypatch.setenv("OTEL_PYTHON_ASYNCIO_COROUTINE_NAMES_TO_TRACE", "traced")
    monkeypatch.setenv("OTEL_PYTHON_ASYNCIO_FUTURE_TRACE_ENABLED", "true")

    async def body():
        async def traced():
            await asyncio.sleep(0)
            return type(asyncio.current_task()) is impl.Task

        tracer = Tracer()
        instrumentor = instrumentation.AsyncioInstrumentor()
        instrumentor.instrument(tracer_provider=tracer, skip_dep_check=True)
        try:
            results = [await asyncio.create_task(traced()), *await asyncio.gather(traced())]
            future = asyncio.get_running_loop().create_future()
            future.get_loop().call_soon(future.set_result, None)
            await asyncio.wait_for(future, 3600)
            async with asyncio.TaskGroup() as group:
                group.create_task(traced())
            await passes(1)
        finally:
            instrumentor.uninstrument()
        return results, tracer.names

    results, names = run(impl, body)
    assert results == [True, True]
    assert names.count("asyncio coro-traced") == 3
    assert names.count("asyncio future") == 1


@contextlib.contextmanager
def slow_callbacks():
    """Switches aiodebug on; gives the list of what it calls slow, which is everything."""
    from asyncio import events

    slow = []
    original = events.Handle._run
    library("aiodebug.log_slow_callbacks").enable(0, lambda name, seconds: slow.append(name))
    try:
        yield slow
    finally:
        events.Handle._run = original


def test_aiodebug_sees_slow_steps(impl):
    async def body():
        async def slow_task():
            time.sleep(0)

        with slow_callbacks() as slow:
            await asyncio.create_task(slow_task(), name="slow one")
        return any("slow one" in name and "slow_task" in name for name in slow)

    assert run(impl, body)
