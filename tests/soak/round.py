"""One round: a number of jobs, sent by several threads to the loops of several others."""

import asyncio
import random
import threading

from support import new_loop

from soak.classes import CLASSES
from soak.jobs import KINDS, Jobs

LOOPS = 8
SENDERS = 4
# So often every loop is asked to answer before a job counts as lost. None takes a tenth of them.
BARRIERS = 200


class Home:
    """A thread with a loop, and the tasks and futures of the jobs there."""

    def __init__(self, place, kind, classes, reported):
        self.place = place
        self.loop = new_loop(kind)
        task_factory, future_class = CLASSES[classes]
        self.loop.set_task_factory(task_factory)
        self.loop.create_future = lambda: future_class(loop=self.loop)
        self.loop.set_exception_handler(lambda loop, context: reported.append(context["message"]))
        self.futures = {}
        self.tasks = {}
        # A task that is always there.
        self.resident = None
        self.thread = threading.Thread(target=self._run, name=f"loop {place}")
        self.thread.start()
        self.ask(self._settle)

    def keep(self, number, task):
        self.tasks[number] = task
        task.add_done_callback(lambda task: self.tasks.pop(number))

    def ask(self, function):
        """Returns what `function()` returns in the thread of the loop."""
        answered = threading.Event()
        answer = []

        def run():
            answer.append(function())
            answered.set()

        self.loop.call_soon_threadsafe(run)
        answered.wait()
        return answer[0]

    def leave(self):
        def leave():
            for task in asyncio.all_tasks():
                task._log_destroy_pending = False  # what was lost has been told
            self.loop.stop()

        self.loop.call_soon_threadsafe(leave)
        self.thread.join()
        self.loop.close()

    def _run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def _settle(self):
        self.resident = self.loop.create_task(self._stay())

    async def _stay(self):
        await asyncio.get_running_loop().create_future()


class Round:
    """The jobs of one seed. `sent`, `received` and `looks` count what has happened."""

    def __init__(self, seed, jobs, kind, classes):
        self.seed = seed
        self.sent = jobs // SENDERS * SENDERS
        self.received = 0
        self.looks = 0
        self._reported = []
        self._homes = [Home(place, kind, classes, self._reported) for place in range(LOOPS)]
        self._jobs = Jobs()
        self._all_sent = threading.Event()

    def run(self):
        """Returns a line for each job that was lost or ended wrongly."""
        senders = [threading.Thread(target=self._send, args=(n,)) for n in range(SENDERS)]
        observer = threading.Thread(target=self._observe)
        for thread in (*senders, observer):
            thread.start()
        for thread in senders:
            thread.join()
        self._all_sent.set()
        observer.join()
        self._wait()
        lost = [f"lost: {what}, number {n}" for n, what in sorted(self._jobs.open.items())]
        self.received = self.sent - len(lost)
        wrong = [f"wrong: {what}, number {n}: {out!r}" for what, n, out in self._jobs.wrong]
        reported = [f"reported: {message}" for message in self._reported]
        for home in self._homes:
            home.leave()
        return lost + wrong + reported

    def _send(self, sender):
        choose = random.Random(f"{self.seed}, {sender}")
        for number in range(sender, self.sent, SENDERS):
            kind = choose.choice(KINDS)
            here, there = choose.choices(self._homes, k=2)
            self._jobs.open[number] = f"{kind.__name__} in loop {here.place}"
            kind(self._jobs, number, here, there)

    def _observe(self):
        """Looks at the tasks of all loops while they come and go."""
        choose = random.Random(f"{self.seed}, observer")
        while not self._all_sent.is_set():
            home = choose.choice(self._homes)
            tasks = asyncio.all_tasks(home.loop)
            self.looks += 1
            if home.resident not in tasks:
                self._jobs.wrong.append(("all_tasks()", home.place, "a task is missing"))
            if any(task.get_loop() is not home.loop for task in tasks):
                self._jobs.wrong.append(("all_tasks()", home.place, "a task of another loop"))

    def _wait(self):
        for _ in range(BARRIERS):
            if not self._jobs.open:
                return
            for home in self._homes:
                home.ask(lambda: None)
