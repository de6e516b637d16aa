//! How a thread that has put something into a queue wakes the loop, without the interpreter.
//!
//! A loop with `add_reader()` watches a pipe. Any other loop is woken by `call_soon_threadsafe()`, for
//! which one has to be attached: one thread for all such loops does that, so that no thread of a
//! runtime ever waits for the interpreter.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use pyo3::prelude::*;

use super::queue::LoopQueue;
use crate::ffi::Field;
#[cfg(unix)]
pub(super) use pipe::Pipe;

/// The way to wake one loop.
pub(super) enum Signal {
    #[cfg(unix)]
    Pipe(Pipe),
    Thread(Sender<Message>),
}

impl Signal {
    /// The way to wake a loop that watches nothing.
    pub(super) fn by_thread(py: Python<'_>) -> PyResult<Self> {
        let waker = match WAKER.take(py) {
            Some(waker) => waker,
            None => Waker::start()?,
        };
        let signal = Self::Thread(waker.sender.clone());
        drop(WAKER.replace(py, Some(waker))); // nothing: nobody ran since `take`
        Ok(signal)
    }

    /// Wakes the loop of the queue. Any thread may do this.
    pub(super) fn send(&self, queue: &Arc<LoopQueue>) {
        match self {
            #[cfg(unix)]
            Self::Pipe(pipe) => pipe.write(),
            // Nobody receives it once the program ends.
            Self::Thread(sender) => drop(sender.send(Message::Wake(queue.clone()))),
        }
    }

    /// Takes back what `send` left behind; the loop has been woken.
    pub(super) fn receive(&self) {
        match self {
            #[cfg(unix)]
            Self::Pipe(pipe) => pipe.read(),
            Self::Thread(_) => (),
        }
    }
}

#[cfg(unix)]
mod pipe {
    use std::io::{self, PipeReader, PipeWriter, Read, Write};
    use std::os::fd::AsRawFd;

    use rustix::io::ioctl_fionbio;

    /// A pipe, with a byte in it while a loop is to wake up. Neither end ever waits: a loop may well call
    /// its reader once too often.
    pub(crate) struct Pipe {
        reader: PipeReader,
        writer: PipeWriter,
    }

    impl Pipe {
        pub(crate) fn new() -> io::Result<Self> {
            let (reader, writer) = io::pipe()?;
            ioctl_fionbio(&reader, true)?;
            ioctl_fionbio(&writer, true)?;
            Ok(Self { reader, writer })
        }

        /// The end that the loop watches.
        pub(crate) fn watched(&self) -> i32 {
            self.reader.as_raw_fd()
        }

        pub(super) fn write(&self) {
            // Both ends are open for as long as `self` lives; without room the loop is woken anyway.
            let _ = (&self.writer).write(&[1]);
        }

        pub(super) fn read(&self) {
            let _ = (&self.reader).read(&mut [0; 16]);
        }
    }
}

/// The thread that wakes loops which cannot watch a pipe; made for the first of them.
struct Waker {
    sender: Sender<Message>,
    thread: JoinHandle<()>,
}

pub(super) enum Message {
    Wake(Arc<LoopQueue>),
    End,
}

static WAKER: Field<Option<Waker>> = Field::new(None);

impl Waker {
    fn start() -> PyResult<Self> {
        let (sender, receiver) = mpsc::channel();
        let thread =
            thread::Builder::new().name("aioxide-waker".to_owned()).spawn(|| run(receiver))?;
        Ok(Self { sender, thread })
    }
}

fn run(receiver: Receiver<Message>) {
    while let Ok(Message::Wake(queue)) = receiver.recv() {
        Python::try_attach(|py| queue.call_threadsafe(py));
    }
}

/// Ends the thread, if there is one, when it has woken everybody. The interpreter is about to exit.
pub(super) fn stop(py: Python<'_>) {
    if let Some(Waker { sender, thread }) = WAKER.take(py) {
        py.detach(|| {
            let _ = sender.send(Message::End);
            let _ = thread.join();
        });
    }
}

/// In the child of a fork, which has no such thread.
pub(super) fn forget(py: Python<'_>) {
    std::mem::forget(WAKER.take(py));
}
