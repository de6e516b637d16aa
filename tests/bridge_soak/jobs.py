"""What a worker of the soak does: each job is a coroutine that uses one part of the bridge.

A job may be cancelled anywhere. What it makes is counted in Rust, and has to be gone at the end.
"""

import asyncio
import contextlib
import contextvars

import aioxide

VARIABLE = contextvars.ContextVar("VARIABLE", default=0)


class Jobs:
    """The jobs, on one loop; `probe` is the extension and `random` decides."""

    def __init__(self, probe, random, path):
        self.probe, self.random, self.path = probe, random, path

    def pick(self):
        """Returns one of the jobs."""
        names = sorted(name for name in dir(self) if name.startswith("do_"))
        return getattr(self, self.random.choice(names))()

    async def do_answers(self):
        yields = [self.random.randrange(4) for _ in range(20)]
        made = [self.probe.answer(number, number) for number in yields]
        assert await asyncio.gather(*made) == yields

    async def do_sleeps(self):
        await asyncio.gather(*(self.probe.sleep(self.random.random() / 100) for _ in range(20)))

    async def do_cancellations(self):
        futures = [self.probe.forever(None, self.random.randrange(3)) for _ in range(20)]
        if self.random.random() < 0.5:
            await asyncio.sleep(0)
        for future in futures:
            assert future.cancel()
        await asyncio.wait(futures)
        assert all(future.cancelled() for future in futures)

    async def do_forgotten_futures(self):
        for _ in range(20):
            self.probe.forever(None, self.random.randrange(3))

    async def do_timeouts(self):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.probe.forever(None, 1), self.random.random() / 100)

    async def do_failures(self):
        for yields in range(3):
            with contextlib.suppress(LookupError):
                await self.probe.fail(LookupError(), yields)

    async def do_local_futures(self):
        await asyncio.gather(*(self.probe.local(self.random.randrange(4)) for _ in range(5)))
        self.probe.local(1, None, False)

    async def do_driving(self):
        async def driven(depth):
            await asyncio.sleep(0)
            if depth:
                await self.probe.drive(driven(depth - 1), self.random.randrange(2))
            VARIABLE.set(VARIABLE.get() + 1)

        await self.probe.drive(driven(self.random.randrange(4)), self.random.randrange(2))
        assert VARIABLE.get() == 0

    async def do_dropped_driving(self):
        await self.probe.drive_and_drop(asyncio.sleep(3600), asyncio.sleep(0))

    async def do_spawning(self):
        self.probe.spawn(asyncio.sleep(0))

    async def do_rust_streams(self):
        stream = self.probe.count_to(20, self.random.random() < 0.5)
        stop = self.random.randrange(25)
        async for item in stream:
            if item == stop:
                break

    async def do_python_streams(self):
        async def items():
            for number in range(20):
                yield number
                await asyncio.sleep(0)

        taken = await self.probe.take(items(), self.random.randrange(25), 2)
        assert taken == list(range(len(taken)))

    async def do_threads(self):
        token = VARIABLE.set(1)
        calls = [aioxide.to_thread(VARIABLE.get) for _ in range(5)]
        VARIABLE.reset(token)
        assert await asyncio.gather(*calls) == [1] * 5

    async def do_files(self):
        content = b"x" * self.random.randrange(10_000)
        path = f"{self.path}-{self.random.randrange(1 << 60)}"
        try:
            await aioxide.write_file(path, content)
            assert await aioxide.read_file(path) == content
        finally:
            # The write may still go on when it is cancelled.
            await asyncio.shield(asyncio.ensure_future(remove(path)))


async def remove(path):
    """Removes the file, if it is there."""
    import os

    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
