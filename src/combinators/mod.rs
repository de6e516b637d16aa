//! asyncio's functions that make tasks and that wait for them.
//!
//! What such a function registers with a future is a [`DoneCallback`]: one object for all of its
//! children, which the futures of ours know without looking (`Callback::Native`). `child.rs` asks a
//! future of any kind the questions that the functions have.
//!
//! Each function does natively what is common and leaves the rest to asyncio's own, with nothing
//! done before: debug mode, where source tracebacks show its frames, loops with a task factory other than
//! asyncio's eager one, arguments that are no futures and no coroutines, mistakes.

mod awaiter;
mod child;
pub(crate) mod create_task;
mod done_callback;
pub(crate) mod ensure;
pub(crate) mod gather;
mod gathering;
pub(crate) mod maker;
pub(crate) mod shield;
mod tally;
mod wait;

pub(crate) use done_callback::DoneCallback;
pub(crate) use gathering::{GatheringFuture, prepare};
pub(crate) use wait::Watch;
