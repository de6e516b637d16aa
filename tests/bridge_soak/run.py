"""The command: loops in threads run jobs and cancel them at random; then all is counted."""

import argparse
import asyncio
import contextlib
import gc
import os
import random
import resource
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import aioxide
from support import THREAD_KINDS, LoopMissing, new_loop
from support.extension import probe as build_probe

from bridge_soak.jobs import Jobs

CANCELLED = 0.2  # of the jobs


class Soak:
    """What the threads share."""

    def __init__(self, seconds, seed, folder):
        self.probe = build_probe()
        self.seed, self.folder = seed, folder
        self.end = time.monotonic() + seconds
        self.jobs = self.cancelled = 0
        self.lock = threading.Lock()
        self.failures = []

    def is_over(self):
        return time.monotonic() >= self.end or bool(self.failures)

    async def work(self, jobs):
        while not self.is_over():
            job = asyncio.ensure_future(jobs.pick())
            unwanted = jobs.random.random() < CANCELLED
            if unwanted:
                await asyncio.sleep(jobs.random.random() / 200)
                job.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await job
            with self.lock:
                self.jobs += 1
                self.cancelled += job.cancelled()

    async def main(self, number):
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self.failures.append(context))
        path = os.path.join(self.folder, str(number))
        workers = [
            Jobs(self.probe, random.Random(f"{self.seed} {number} {worker}"), path)
            for worker in range(5)
        ]
        await asyncio.gather(*map(self.work, workers))

    def run(self, number):
        """One thread: one loop after the other, of a kind of its own."""
        kind = THREAD_KINDS[number % len(THREAD_KINDS)]
        try:
            loop = new_loop(kind)
        except LoopMissing:
            loop = new_loop("asyncio")
        loop.set_task_factory(aioxide.task_factory if number % 2 else None)
        try:
            loop.run_until_complete(self.main(number))
        except BaseException as error:
            self.failures.append(error)
        finally:
            for task in asyncio.all_tasks(loop):
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                loop.run_until_complete(asyncio.sleep(0.01))
            with contextlib.suppress(NotImplementedError):  # the minimal loop knows of none
                loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()


def describe(soak, seconds):
    """A line about how things are."""
    made, finished, dropped = soak.probe.counts()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return (
        f"{seconds:4.0f} s: {soak.jobs} jobs, {soak.cancelled} of them cancelled; futures: "
        f"{made} made, {finished} finished, {dropped} dropped; at most {memory} MiB"
    )


def left_over(soak, patience=30):
    """How many futures are neither finished nor dropped, once the runtime has had its time."""
    give_up = time.monotonic() + patience
    while True:
        gc.collect()
        made, finished, dropped = soak.probe.counts()
        if made == finished + dropped or time.monotonic() > give_up:
            return made - finished - dropped
        time.sleep(0.01)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=5, help="each with a loop (5)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(arguments.seconds, arguments.seed, folder)
        start = time.monotonic()
        threads = [
            threading.Thread(target=soak.run, args=(number,)) for number in range(arguments.threads)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(5)
                print(describe(soak, time.monotonic() - start), flush=True)
        left = left_over(soak)
    print(describe(soak, time.monotonic() - start))
    for failure in soak.failures[:5]:
        print("failed:", failure)
    print(f"{left} futures left over, {len(soak.failures)} failures")
    sys.exit(1 if left or soak.failures else 0)


if __name__ == "__main__":
    main()
