"""Running a program on one side of a setting, and what is seen of it."""

import asyncio
import gc
import weakref
from collections.abc import Coroutine
from contextvars import Context
from types import coroutine as generator_coroutine

from fuzz.calls import VALUES, Calls
from fuzz.clock import LOOPS
from fuzz.determinism import controlled
from fuzz.settings import EAGER
from fuzz.trace import VARIABLE, Trace
from fuzz.waits import Waits


def run(program, side):
    """Returns the trace of `program`: what happened, in order, as plain data."""
    trace = Trace(side)
    with controlled(trace), side.in_force():
        # In a context of its own, since finalisers run in the one that the collector is called in.
        Context().run(Run(program, side, trace).to_the_end)
    return trace.events


class Run(Calls, Waits):
    """One run of a program. `Calls` and `Waits` have a method for each operation."""

    def __init__(self, program, side, trace):
        _, self.debug, self.eager, self.afterwards, self.futures, self.main = program
        self.side = side
        self.trace = trace
        self.note, self.value = trace.note, trace.value
        self.driver = LOOPS[side.loop](trace.events)
        self.loop = trace.loop = self.driver.loop
        self.contexts = [Context(), Context()]
        for number, context in enumerate(self.contexts):
            context.run(VARIABLE.set, 10 + number)
        self.persons = 0
        self.making = 0  # how many combinators are being made
        self.person_of = weakref.WeakKeyDictionary()  # by task, once it has begun
        self.closed = set()  # whose coroutine is being closed: they do no more
        # Who waits for what: circles, in which cancel() would never end, are kept out.
        self.waits_for = {}
        self.nodes = []  # what an object is in that graph

    def to_the_end(self):
        """Runs the program, ends what is left of it, and collects the garbage."""
        asyncio.set_event_loop(None)
        self.loop.set_exception_handler(self._report)
        self.loop.set_debug(self.debug and self.side.debug)
        self.loop.slow_callback_duration = float("inf")
        if self.side.task_factory:
            self.loop.set_task_factory(self.side.task_factory)
        if self.eager and EAGER:
            self.loop.set_task_factory(self.side.eager_task_factory)
        for _, kind in self.futures:
            self.future("main", kind)
        self._start_main()
        self._run_until_idle()
        if self.afterwards != "destroy":
            self._cancel_everything()
        if self.afterwards == "ask":
            self._ask_everything()
        self._leave()

    def _start_main(self):
        person = self.person()
        task = self.side.Task(self.body(person, self.main), loop=self.loop)
        name = task.get_name()
        self.trace.first_number = int(name.removeprefix("Task-"))
        self.add(task, person)

    def _run_until_idle(self):
        idle = False
        while not idle:
            try:
                idle = self.driver.run()
            except (KeyboardInterrupt, SystemExit) as error:
                self.note("loop", "was left", self.trace.error(error))
            else:
                self.note("loop", "is idle" if idle else "has stopped")

    def _cancel_everything(self):
        for task in [*self.trace.objects, *self.person_of]:
            if task is not None and not task.done():
                self.note("end", "cancels", self.trace.label(task), task.cancel("the end"))
        del task
        self._run_until_idle()

    def _ask_everything(self):
        for operation in ("result", "result", "exception"):
            for number in range(len(self.trace.objects)):
                self.call("end", (operation, number))

    def _leave(self):
        for number, known in enumerate(self.trace.objects):
            if known is not None:
                self.note("end", f"#{number}", self.trace.look(known))
        known = None
        self.contexts.clear()
        with self.trace.garbage_collection():
            self.trace.objects.clear()
            gc.collect()
            self.driver.close()
            gc.collect()
        self.loop.set_exception_handler(None)  # ends the cycle with this object

    # What the operations are made of

    def person(self):
        """Returns a new name for one who acts."""
        self.persons += 1
        return f"c{self.persons - 1}"

    def add(self, created, node, *, foreign=False):
        """Makes a future an object of the program, with its place in the graph of who waits."""
        self.nodes.append(node)
        return self.trace.add(created, foreign)

    def pick(self, reference, suits=None):
        """Returns (object, node) for a reference; the object is None if it has been dropped.

        It counts the objects for which `suits(object)` is true, or all where there is none.
        """
        if reference is None:
            task = asyncio.current_task(self.loop)
            return task, task and self.person_of.get(task)
        objects = self.trace.objects
        numbers = range(len(objects))
        if suits:
            numbers = [number for number in numbers if suits(objects[number])] or numbers
        number = numbers[reference % len(numbers)]
        return objects[number], self.nodes[number]

    def context(self, reference, *, enter=False):
        """Returns one of the copied contexts, or None; with `enter` only if it can be entered."""
        if reference is None:
            return None
        context = self.contexts[reference % len(self.contexts)]
        try:
            context.run(lambda: None)
        except RuntimeError:
            if enter:
                # An eager step in a context that is in use: some built-in tasks fail and leave
                # themselves the current task.
                return None
        return context

    def coroutine(self, form, person, body):
        """Returns the coroutine of `body`, in one of the forms that a task takes or refuses."""
        if form == "number":
            return 42
        return _FORMS[form](self.body(person, body))

    async def body(self, me, body):
        _, steps, guard, value = body
        # On 3.14 a task in Python does not tell that it is the current one.
        if (task := asyncio.current_task(self.loop)) is not None:
            self.person_of.setdefault(task, me)
        del task
        self.note(me, "starts")
        await self.steps(me, steps, guard)
        self.note(me, "ends")
        return VALUES[value]

    def _report(self, loop, context):
        self.trace.note_report("handler", self.trace.report(context))
        # `Handle._run` has the context in a frame that the exception in it refers to: a cycle that
        # would keep what the frames hold up to the next garbage collection.
        context.clear()


class Delegate(Coroutine):
    """A coroutine that is none of the interpreter's own, but has all the methods."""

    __name__ = "delegate"
    send = throw = close = None  # abstract; each object has its own

    def __init__(self, coroutine):
        self.send, self.throw, self.close = coroutine.send, coroutine.throw, coroutine.close

    def __await__(self):
        return self


@generator_coroutine
def _generator(coroutine):
    return (yield from coroutine)


_FORMS = {"plain": lambda coroutine: coroutine, "abc": Delegate, "generator": _generator}
