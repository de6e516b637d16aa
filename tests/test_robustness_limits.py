"""At the interpreter's limits: no more recursion, sub-interpreters, imports in odd orders."""

import asyncio
import ctypes
import itertools
import sys

import pytest
from aioxide import _core
from support import implementation, run_child, run_passes

# Recursion


def test_recursion_without_end_in_a_task(impl, stock_loop):
    async def deeper():
        return await deeper()

    task = impl.Task(deeper(), loop=stock_loop)
    with pytest.raises(RecursionError):
        stock_loop.run_until_complete(task)
    assert isinstance(task.exception(), RecursionError)

    async def shallow():
        return "still usable"

    assert stock_loop.run_until_complete(impl.Task(shallow(), loop=stock_loop)) == "still usable"


OPERATIONS = {
    "result": lambda future: future.set_result(1),
    "exception": lambda future: (future.set_exception(ValueError), future.exception()),
    "cancel": lambda future: future.cancel(),
    "callbacks": lambda future: (
        future.add_done_callback(print),
        future.remove_done_callback(print),
    ),
    "await": lambda future: next(future.__await__()),
    "repr": repr,
    "make": lambda future: type(future)(loop=future.get_loop()),
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_operations_at_the_recursion_limit(impl, stock_loop, operation):
    """Each succeeds or raises RecursionError, and leaves a sound future."""
    futures = []

    def deeper():
        future = impl.Future(loop=stock_loop)
        futures.append(future)
        try:
            deeper()
        except RecursionError:
            operation(future)
            raise

    with pytest.raises(RecursionError):
        deeper()
    for future in futures:
        assert future.done() == (future._state != "PENDING")
        if not future.done():
            future.cancel()
    run_passes(stock_loop)
    assert len(futures) > 10


# Imports


@pytest.mark.parametrize(
    "first", ["import aioxide", "import aioxide._core", "from aioxide import Task"]
)
def test_imported_before_asyncio(first):
    # asyncio falls back to Python where its own C module is imported ahead of it.
    program = f"""
        import sys
        assert "asyncio" not in sys.modules
        {first}
        import _asyncio, asyncio, aioxide
        assert asyncio.Task is _asyncio.Task
        assert asyncio.tasks._enter_task is _asyncio._enter_task
        assert asyncio.tasks._register_task is _asyncio._register_task

        async def main():
            return asyncio.current_task()

        print(type(aioxide.run(main())).__name__, type(asyncio.run(main())) is asyncio.Task)
    """
    assert run_child(program, implementation("builtin")) == (0, "Task True\n", "")


def test_imported_in_a_thread():
    program = """
        import threading

        def work():
            import aioxide, asyncio

            async def main():
                return asyncio.current_task()

            print(type(aioxide.run(main())) is aioxide.Task)

        for _ in range(2):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
    """
    assert run_child(program, implementation("builtin")) == (0, "True\nTrue\n", "")


def test_imported_again():
    program = """
        import sys
        import aioxide

        first = aioxide.Task
        for name in [name for name in sys.modules if name.startswith("aioxide")]:
            del sys.modules[name]
        try:
            import aioxide
        except ImportError as error:
            print("refused")
        else:
            async def main():
                return 1
            assert aioxide.run(main()) == 1
            print("the same" if aioxide.Task is first else "made anew")
    """
    outcome = run_child(program, implementation("builtin"))
    assert outcome.status == 0, outcome.stderr
    assert outcome.stdout in ("refused\n", "the same\n")


INTERPRETERS = """
    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters

    def run(isolated):
        if hasattr(interpreters, "exec"):
            name = interpreters.create("isolated" if isolated else "legacy")
            error = interpreters.exec(name, PROGRAM)
        else:
            name = interpreters.create(isolated=isolated)
            try:
                error = interpreters.run_string(name, PROGRAM)
            except interpreters.RunFailedError as failed:
                error = failed
        interpreters.destroy(name)
        return error

    PROGRAM = "\\n".join([
        "try:",
        "    import aioxide",
        "except ImportError:",
        "    pass",
        "else:",
        "    raise AssertionError('imported')",
    ])

    for isolated in (True, False):
        error = run(isolated)
        print(error if error is not None else "refused")

    async def main():
        return "the main interpreter goes on"

    import aioxide
    print(aioxide.run(main()))
"""


@pytest.mark.parametrize("first", ["import aioxide", ""], ids=["before", "behind"])
def test_sub_interpreters_are_refused(first):
    # Before or behind the import in the main interpreter.
    outcome = run_child(INTERPRETERS, implementation("builtin"), setup=first)
    assert outcome == (0, "refused\nrefused\nthe main interpreter goes on\n", "")


@pytest.mark.skipif(sys.version_info < (3, 14), reason="new in 3.14")
def test_an_interpreter_of_concurrent_interpreters_gets_an_import_error():
    program = """
        from concurrent import interpreters

        interpreter = interpreters.create()
        try:
            interpreter.exec("import aioxide")
        except interpreters.ExecutionFailed as failed:
            print(failed.excinfo.type.__name__)
        interpreter.close()
        import aioxide
        print("goes on")
    """
    assert run_child(program, implementation("builtin")) == (0, "ImportError\ngoes on\n", "")


class ModuleSlot(ctypes.Structure):
    """`PyModuleDef_Slot`"""

    _fields_ = (("number", ctypes.c_int), ("value", ctypes.c_void_p))


class ModuleDef(ctypes.Structure):
    """`PyModuleDef`, up to its slots, on builds with the GIL."""

    _names = "ob_refcnt ob_type m_init m_index m_copy m_name m_doc m_size m_methods m_slots"
    _fields_ = tuple((name, ctypes.c_void_p) for name in _names.split())


PY_MOD_GIL, PY_MOD_GIL_USED = 4, 0


@pytest.mark.skipif(sys.version_info < (3, 13), reason="no declaration before 3.13")
def test_the_module_asks_for_the_gil():
    # The declaration is a slot of the definition that the extension's init function gives.
    init = ctypes.PyDLL(_core.__file__).PyInit__core
    init.restype = ctypes.c_void_p
    slots = ctypes.c_void_p.from_address(init() + ModuleDef.m_slots.offset).value
    found = {}
    for place in itertools.count():
        slot = ModuleSlot.from_address(slots + place * ctypes.sizeof(ModuleSlot))
        if slot.number == 0:
            break
        found[slot.number] = slot.value or 0
    assert found[PY_MOD_GIL] == PY_MOD_GIL_USED


# Odd collections


def test_collection_at_every_allocation(impl):
    # The collector runs as often as it can: objects half made must be fit to be visited.
    program = """
        import asyncio, gc

        gc.set_threshold(1)

        def finish(future, result):
            if not future.cancelled():
                future.set_result(result)

        async def child(number):
            future = asyncio.get_running_loop().create_future()
            future.add_done_callback(str)
            future.add_done_callback(repr)
            asyncio.get_running_loop().call_soon(finish, future, [number])
            try:
                return await future
            finally:
                await asyncio.sleep(0)

        async def main():
            cancelled = [asyncio.create_task(child(number)) for number in range(50)]
            await asyncio.sleep(0)
            for task in cancelled:
                task.cancel()
            await asyncio.wait(cancelled)
            return await asyncio.gather(*(child(number) for number in range(200)))

        print(sum(number for [number] in asyncio.run(main())))
    """
    assert run_child(program, impl) == (0, "19900\n", "")


def test_tracing(impl):
    # Every step is seen by the debugger's hooks, as with the built-in class; the StopIteration by
    # which an await ends inside the interpreter is nobody's concern.
    program = """
        import asyncio, sys

        seen = []

        def trace(frame, event, argument):
            if frame.f_code.co_filename == "<string>" and event != "exception":
                seen.append((frame.f_code.co_name, event))
            return trace

        async def child():
            await asyncio.sleep(0)

        async def main():
            await asyncio.create_task(child())

        sys.settrace(trace)
        asyncio.run(main())
        sys.settrace(None)
        print(seen)
    """
    expected = run_child(program, implementation("builtin"))
    assert "('child', 'line')" in expected.stdout
    assert run_child(program, impl) == expected


def test_no_task_is_current_after_a_step_that_was_interrupted(impl, stock_loop):
    async def main():
        raise KeyboardInterrupt

    task = impl.Task(main(), loop=stock_loop)
    with pytest.raises(KeyboardInterrupt):
        stock_loop.run_until_complete(task)
    assert asyncio.current_task(stock_loop) is None
    assert sys.exc_info() == (None, None, None)
    assert isinstance(task.exception(), KeyboardInterrupt)
