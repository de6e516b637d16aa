//! A thread of the blocking pool that has made a call looks out for the next one for a moment.
//!
//! To wake a thread that sleeps takes several times longer than a short call, and a program that makes
//! one call after the other makes the next as soon as the loop has seen the end of the last.

use std::cell::Cell;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

/// How long a thread looks out: a loop takes about as long to wake up and to make the next call.
const PATIENCE: Duration = Duration::from_micros(50);

/// A thread that has given the processor away and gets it back only after so long has given it to others
/// than the loop, which takes less to make its next call.
const BUSY: Duration = Duration::from_micros(200);

/// How long nobody looks out when others have needed the processor.
const PAUSE: Duration = Duration::from_secs(1);

/// How long it takes the loop that made a call to get to where it waits and detaches.
const HEAD_START: Duration = Duration::from_micros(4);

/// After so many calls a thread goes back to the pool, where other work may have no thread.
const CALLS: usize = 32;

type Call = Box<dyn FnOnce() + Send>;

/// Where a call is handed to the thread that looks out, if one does.
pub(super) struct Lookout {
    place: Mutex<Place>,
    /// How many calls wait for a thread of the pool.
    waiting: AtomicUsize,
    patience: Duration,
    busy: Duration,
}

enum Place {
    Empty,
    /// Empty, and to be left so for a while.
    Paused(Instant),
    /// A thread looks out.
    Watched,
    Call(Call),
}

/// A call that waits for a thread of the pool, until it is dropped.
struct Waiting(&'static AtomicUsize);

impl Waiting {
    fn begin(waiting: &'static AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

thread_local! {
    /// Where and when the call that this thread makes was handed to it.
    static HANDED_OVER: Cell<Option<(&'static Lookout, Instant)>> = const { Cell::new(None) };
}

impl Lookout {
    pub(super) fn new() -> Self {
        Self::with(PATIENCE, BUSY)
    }

    fn with(patience: Duration, busy: Duration) -> Self {
        Self { place: Mutex::new(Place::Empty), waiting: AtomicUsize::new(0), patience, busy }
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the thread that looks out make the call, or else one of the runtime's blocking pool.
    pub(super) fn call(&'static self, runtime: &Handle, call: Call) {
        {
            let mut place = self.place();
            if matches!(*place, Place::Watched) {
                *place = Place::Call(call);
                return;
            }
        }
        let waiting = Waiting::begin(&self.waiting);
        runtime.spawn_blocking(move || {
            drop(waiting);
            call();
            for _ in 1..CALLS {
                let Some(call) = self.look_out() else { break };
                HANDED_OVER.set(Some((self, Instant::now())));
                call();
            }
            HANDED_OVER.set(None);
        });
    }

    /// The call that comes within a moment. None does when another thread looks out, once calls wait for
    /// this one, and for a while after others have needed the processor.
    fn look_out(&self) -> Option<Call> {
        let begin = Instant::now();
        {
            let mut place = self.place();
            match *place {
                Place::Empty => (),
                Place::Paused(until) if begin >= until => (),
                Place::Paused(_) | Place::Watched | Place::Call(_) => return None,
            }
            *place = Place::Watched;
        }
        loop {
            let is_busy = self.let_others_run();
            let enough = is_busy
                || self.waiting.load(Ordering::Relaxed) > 0
                || begin.elapsed() >= self.patience;
            let empty = Self::emptied(is_busy);
            let mut place = self.place();
            match mem::replace(&mut *place, empty) {
                Place::Call(call) => return Some(call),
                Place::Watched if !enough => *place = Place::Watched,
                _ => return None,
            }
        }
    }

    /// Whoever has work has the processor before this thread. Answers whether that took long: one that
    /// has to be waited for would keep a call waiting as well, while a thread that is woken is let in
    /// front.
    fn let_others_run(&self) -> bool {
        let begin = Instant::now();
        thread::yield_now();
        begin.elapsed() >= self.busy
    }

    fn emptied(is_busy: bool) -> Place {
        if is_busy { Place::Paused(Instant::now() + PAUSE) } else { Place::Empty }
    }
}

/// Waits, if this thread makes a call that has just been handed to it, until the loop may have detached.
/// A thread that attaches before that goes to sleep, and has to be woken after all.
pub(super) fn give_the_loop_a_start() {
    let Some((lookout, begin)) = HANDED_OVER.take() else { return };
    while begin.elapsed() < HEAD_START {
        if lookout.let_others_run() {
            let mut place = lookout.place();
            if matches!(*place, Place::Empty) {
                *place = Lookout::emptied(true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use tokio::runtime::{Builder, Runtime};

    use super::*;

    /// Longer than anything here takes.
    const EVER: Duration = Duration::from_secs(120);
    /// Nothing takes that long; a test that waits has failed.
    const TOO_LONG: Duration = Duration::from_secs(60);

    fn pool(threads: usize) -> Runtime {
        Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(threads)
            .build()
            .expect("a runtime")
    }

    /// A runtime that makes no call any more: what is called here was handed over.
    fn no_pool() -> Handle {
        let runtime = pool(1);
        let handle = runtime.handle().clone();
        runtime.shutdown_background();
        handle
    }

    fn lookout(patience: Duration) -> &'static Lookout {
        Box::leak(Box::new(Lookout::with(patience, EVER)))
    }

    fn until_watched(lookout: &Lookout) {
        let begin = Instant::now();
        while !matches!(*lookout.place(), Place::Watched) {
            assert!(begin.elapsed() < TOO_LONG, "nobody looks out");
            thread::yield_now();
        }
    }

    /// A call that says what it is.
    fn say(word: &'static str, to: &Sender<&'static str>) -> Call {
        let to = to.clone();
        Box::new(move || to.send(word).expect("somebody listens"))
    }

    /// A call that goes on until the sender says so.
    fn wait_for(end: Receiver<()>) -> Call {
        Box::new(move || end.recv_timeout(TOO_LONG).expect("an end"))
    }

    #[test]
    fn the_thread_that_looks_out_makes_the_next_call() {
        let (runtime, lookout) = (pool(1), lookout(EVER));
        let (to, said) = channel();
        lookout.call(runtime.handle(), say("first", &to));
        assert_eq!(said.recv_timeout(TOO_LONG), Ok("first"));
        until_watched(lookout);
        lookout.call(&no_pool(), say("second", &to));
        assert_eq!(said.recv_timeout(TOO_LONG), Ok("second"));
        runtime.shutdown_background();
    }

    #[test]
    fn a_call_that_waits_for_a_thread_gets_the_one_that_would_look_out() {
        let (runtime, lookout) = (pool(1), lookout(EVER));
        let (to, said) = channel();
        let (end, first_ends) = channel();
        lookout.call(runtime.handle(), wait_for(first_ends));
        lookout.call(runtime.handle(), say("second", &to));
        end.send(()).expect("the first goes on");
        assert_eq!(said.recv_timeout(TOO_LONG), Ok("second"));
        runtime.shutdown_background();
    }

    #[test]
    fn only_one_thread_looks_out() {
        let (runtime, lookout) = (pool(2), lookout(EVER));
        let (to, said) = channel();
        let (end, first_ends) = channel();
        lookout.call(runtime.handle(), wait_for(first_ends));
        lookout.call(runtime.handle(), say("second", &to));
        assert_eq!(said.recv_timeout(TOO_LONG), Ok("second"));
        until_watched(lookout);
        end.send(()).expect("the first goes on");
        runtime.spawn_blocking(say("other work", &to));
        assert_eq!(said.recv_timeout(TOO_LONG), Ok("other work"));
        runtime.shutdown_background();
    }

    #[test]
    fn patience_ends() {
        let (runtime, lookout) = (pool(1), lookout(Duration::ZERO));
        let (to, said) = channel();
        lookout.call(runtime.handle(), say("first", &to));
        runtime.spawn_blocking(say("other work", &to));
        assert_eq!(said.recv_timeout(TOO_LONG), Ok("first"));
        assert_eq!(said.recv_timeout(TOO_LONG), Ok("other work"));
        runtime.shutdown_background();
    }

    #[test]
    fn nobody_looks_out_for_a_while_after_others_had_the_processor() {
        let runtime = pool(1);
        let lookout: &Lookout = Box::leak(Box::new(Lookout::with(EVER, Duration::ZERO)));
        let (to, said) = channel();
        for word in ["first", "second"] {
            lookout.call(runtime.handle(), say(word, &to));
            assert_eq!(said.recv_timeout(TOO_LONG), Ok(word));
            runtime.spawn_blocking(say("other work", &to));
            assert_eq!(said.recv_timeout(TOO_LONG), Ok("other work"));
            assert!(matches!(*lookout.place(), Place::Paused(until) if until > Instant::now()));
        }
        runtime.shutdown_background();
    }

    #[test]
    fn other_work_has_its_turn() {
        let (runtime, lookout) = (pool(1), lookout(EVER));
        let (to, said) = channel();
        lookout.call(runtime.handle(), say("first", &to));
        for _ in 1..CALLS {
            until_watched(lookout);
            lookout.call(&no_pool(), say("next", &to));
        }
        runtime.spawn_blocking(say("other work", &to));
        let all: Vec<_> =
            (0..=CALLS).map(|_| said.recv_timeout(TOO_LONG).expect("all have a thread")).collect();
        assert_eq!((all[0], all[1], all[CALLS]), ("first", "next", "other work"));
        runtime.shutdown_background();
    }
}
