"""The operations of programs that may suspend the coroutine they are in."""

import asyncio
import types

from fuzz.calls import CALLS, VALUES, Fatal
from fuzz.programs import SHAPES

CATCH = {
    "nothing": (),
    "cancelled": asyncio.CancelledError,
    "errors": Exception,
    "all": (Exception, asyncio.CancelledError, Fatal),
}


class Elsewhere:
    """A loop that never runs, for futures that do not belong where they are awaited."""

    def get_debug(self):
        return False

    def call_soon(self, callback, *args, context=None):
        pass

    def call_exception_handler(self, context):
        pass

    def __repr__(self):
        return "<Elsewhere>"


@types.coroutine
def yielding(value):
    """Hands `value` as it is to whatever drives the coroutine."""
    return (yield value)


class Impatient:
    """An awaitable that does not wait until the future it gets is done."""

    def __init__(self, future):
        self.future = future

    def __await__(self):
        iterator = self.future.__await__()
        try:
            next(iterator)
            yield
            next(iterator)
        except StopIteration as end:
            return end.value


class Delegating:
    """An awaitable that drives the iterator of a future by its methods, one call at a time."""

    def __init__(self, future):
        self.future = future

    def __await__(self):
        iterator = self.future.__await__()
        act, arguments = iterator.send, (None,)
        while True:
            try:
                yielded = act(*arguments)
            except StopIteration as end:
                return end.value
            try:
                act, arguments = iterator.send, ((yield yielded),)
            except GeneratorExit:
                iterator.close()
                raise
            except BaseException as error:
                act, arguments = iterator.throw, (error,)


class Waits:
    """A part of `Run`: one method for each operation."""

    async def wait(self, me, operation):
        """Performs an operation, and notes what it gave or raised."""
        name, *arguments = operation
        if name in CALLS or name == "raise":
            return self.call(me, operation)
        try:
            outcome = await WAITS[name](self, me, *arguments)
        except BaseException as error:
            if isinstance(error, GeneratorExit):
                self.closed.add(me)
            self.note(me, name, "raised", self.trace.error(error), self.standing())
            raise
        self.note(me, name, self.value(outcome), self.standing())

    def standing(self):
        """How it stands with the cancellation of the current task."""
        task = asyncio.current_task(self.loop)
        return task and (task.cancelling(), task._must_cancel, task._fut_waiter is None)

    async def steps(self, me, steps, guard="nothing"):
        """Does one step after the other; one that raises what `guard` stands for is passed over."""
        for step in steps:
            if me in self.closed:
                return
            try:
                await self.wait(me, step)
            except CATCH[guard]:
                pass

    async def awaiting(self, me, make, *nodes):
        """Awaits what `make()` returns, while the graph of who waits for what says so."""
        self.waits_for[me] = nodes
        try:
            return await make()
        finally:
            self.waits_for.pop(me, None)

    def circle(self, me, *nodes):
        """Whether one of the nodes waits for `me`, be it through others."""
        ahead, seen = list(nodes), set()
        while ahead:
            node = ahead.pop()
            if node == me:
                return True
            if node not in seen:
                seen.add(node)
                ahead += self.waits_for.get(node, ())
        return False

    def is_another(self, future):
        return future is not asyncio.current_task(self.loop)

    # Plain suspensions

    async def await_(self, me, reference, how=lambda future: future):
        future, node = self.pick(reference, self.is_another)
        if future is None:
            return "gone"
        if not future.done() and self.circle(me, node):
            # Awaiting oneself is the one circle that asyncio refuses.
            if future is not asyncio.current_task(self.loop):
                return "a circle"
            return await how(future)
        return await self.awaiting(me, lambda: how(future), node)

    async def delegate(self, me, reference):
        return await self.await_(me, reference, Delegating)

    async def pass_(self, me):
        await asyncio.sleep(0)

    async def yield_(self, me, kind, reference):
        if kind == "future":
            return await self.await_(me, reference, yielding)
        if kind == "impatient":
            return await self.await_(me, reference, Impatient)
        if kind == "elsewhere":
            return await self.side.Future(loop=Elsewhere())
        return await yielding({"none": None, "number": 42, "generator": (i for i in ())}[kind])

    async def sleep(self, me, delay, value):
        return await asyncio.sleep(delay * self.driver.second, VALUES[value])

    async def run(self, me, body):
        return await self.body(me, body)

    async def try_(self, me, steps, caught, handler, ending, final):
        try:
            await self.steps(me, steps)
        except CATCH[caught] as error:
            self.note(me, "catches", self.trace.error(error))
            await self.steps(me, handler)
            if ending == "reraise":
                raise
            if ending == "error":
                raise ValueError("instead")  # noqa: B904, with a context
            if ending == "error from":
                raise KeyError("because of") from error
            if ending == "cancelled":
                raise asyncio.CancelledError("anew") from None
        finally:
            await self.steps(me, final)

    # asyncio's functions

    def targets(self, me, targets):
        """Returns what to pass to asyncio's functions and its nodes; (None, None) for a circle."""
        known = [
            self.pick(argument, self.is_another) for name, argument in targets if name == "ref"
        ]
        if any(not (f is None or f.done()) and self.circle(me, node) for f, node in known):
            return None, None
        awaitables, nodes = [], []
        for name, argument in targets:
            if name == "coro":
                node = self.person()
                awaitable = self.body(node, argument)
            else:
                awaitable, node = self.pick(argument, self.is_another)
            if awaitable is not None:
                awaitables.append(awaitable)
                nodes.append(node)
        return awaitables, nodes

    async def outer(self, me, make, targets, keep):
        """Awaits the future that `make` makes of the targets, or keeps it for later."""
        awaitables, nodes = self.targets(me, targets)
        if awaitables is None:
            return "a circle"
        # Known before it is made: coroutines that start eagerly must not wait for `me` any more.
        node = object()
        self.waits_for[node] = nodes

        def make_one():
            self.making += 1
            try:
                return make(*awaitables)
            finally:
                self.making -= 1

        if keep:
            return self.add(make_one(), node)
        return await self.awaiting(me, make_one, node)

    async def shield(self, me, target, keep):
        return await self.outer(me, asyncio.shield, (target,), keep)

    async def gather(self, me, targets, return_exceptions, keep):
        def make(*awaitables):
            gathering = asyncio.gather(*awaitables, return_exceptions=return_exceptions)
            # The traceback of an exception from an eager step leads to the frame of asyncio's own
            # `gather()` and that to the gathering, which dies with a garbage collection only.
            if self.eager and gathering.done() and not gathering.cancelled():
                gathering.exception()
            return gathering

        return await self.outer(me, make, targets, keep)

    async def wait_(self, me, targets, when, timeout):
        awaitables, nodes = self.targets(me, targets)
        if awaitables is None:
            return "a circle"
        options = {"return_when": getattr(asyncio, when), "timeout": self.delay(timeout)}

        def make():
            return asyncio.wait([asyncio.ensure_future(one) for one in awaitables], **options)

        done, pending = await self.awaiting(me, make, *nodes)
        return [sorted(self.trace.label(future) for future in some) for some in (done, pending)]

    async def wait_for(self, me, target, timeout):
        awaitables, nodes = self.targets(me, (target,))
        if not awaitables:
            return "a circle, or gone"
        waiting = asyncio.wait_for(awaitables[0], self.delay(timeout))
        return await self.awaiting(me, lambda: waiting, *nodes)

    def delay(self, timeout):
        return None if timeout is None else timeout * self.driver.second

    async def timeout(self, me, timeout, again, steps):
        async with asyncio.timeout(self.delay(timeout)) as limit:
            if again is not None:
                limit.reschedule(self.loop.time() + self.delay(again))
            await self.steps(me, steps)
        return limit.expired()

    async def group(self, me, children, steps):
        async with asyncio.TaskGroup() as group:
            for _, name, context, body in children:
                person = self.person()
                coroutine = self.body(person, body)
                context = self.context(context, enter=self.eager)
                task = group.create_task(coroutine, name=name, context=context)
                self.note(me, "group", self.add(task, person))
                del task
            await self.steps(me, steps)


# By the names that programs have for them, some of which are words of Python's own.
_METHODS = {name.rstrip("_"): method for name, method in sorted(vars(Waits).items())}
WAITS = {name: _METHODS[name] for name in SHAPES if name in _METHODS}
