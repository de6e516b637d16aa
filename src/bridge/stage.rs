//! How far a Rust future is, and who may touch it: a few bits that any thread changes.
//!
//! ```text
//!                    begin_poll              end_pending
//!        resting ───────────────► polling ───────────────► resting
//!           │                        │ gone
//!           │ cancel: Take           ▼
//!           └──────────────────►   gone
//! ```
//!
//! Whoever is polling owns the future. A cancellation takes a future that is resting, and leaves word
//! for the one who polls otherwise.

use std::sync::atomic::{AtomicU8, Ordering};

const POLLING: u8 = 1;
/// Set when the waker of the first poll was used; never cleared.
const WOKEN: u8 = 2;
/// Set when Python does not want the future any more; never cleared.
const CANCELLED: u8 = 4;
/// There is no future any more, at most its outcome.
const GONE: u8 = 8;

#[derive(Debug)]
pub(super) struct Stage(AtomicU8);

/// What to do after a poll that was not the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterPoll {
    /// The future rests; `woken` if its waker was used.
    Rest { woken: bool },
    /// It was cancelled meanwhile: drop it, then call `gone`.
    Drop,
}

/// What a cancellation finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cancelling {
    /// The future was resting: drop it, then call `gone`.
    Take,
    /// The one who polls will drop it.
    Later,
    /// There is none any more.
    Over,
}

impl Stage {
    /// Somebody is polling for the first time.
    pub(super) fn polling() -> Self {
        Self(AtomicU8::new(POLLING))
    }

    fn change(&self, next: impl Fn(u8) -> Option<u8>) -> Result<u8, u8> {
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next)
    }

    /// True for the one who may poll now.
    #[must_use]
    pub(super) fn transition_to_polling(&self) -> bool {
        let taken = POLLING | CANCELLED | GONE;
        self.change(|bits| (bits & taken == 0).then_some(bits | POLLING)).is_ok()
    }

    /// Called by the one who polls.
    #[must_use]
    pub(super) fn transition_to_resting(&self) -> AfterPoll {
        match self.change(|bits| (bits & CANCELLED == 0).then_some(bits & !POLLING)) {
            Ok(bits) => AfterPoll::Rest { woken: bits & WOKEN != 0 },
            Err(_) => AfterPoll::Drop,
        }
    }

    /// Called by the one who polls, or who has taken the future to drop it.
    pub(super) fn transition_to_gone(&self) {
        let _ = self.change(|bits| Some(bits & !POLLING | GONE));
    }

    /// True for the one who has to see to it that the future is polled.
    #[must_use]
    pub(super) fn transition_to_woken(&self) -> bool {
        self.0.fetch_or(WOKEN, Ordering::SeqCst) == 0
    }

    #[must_use]
    pub(super) fn transition_to_cancelled(&self) -> Cancelling {
        let bits = self.0.fetch_or(CANCELLED, Ordering::SeqCst);
        if bits & POLLING != 0 {
            Cancelling::Later
        } else if bits & (GONE | CANCELLED) != 0 {
            Cancelling::Over
        } else {
            Cancelling::Take
        }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst) & CANCELLED != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resting() -> Stage {
        let stage = Stage::polling();
        assert_eq!(stage.transition_to_resting(), AfterPoll::Rest { woken: false });
        stage
    }

    #[test]
    fn one_polls_at_a_time() {
        let stage = Stage::polling();
        assert!(!stage.transition_to_polling());
        assert_eq!(stage.transition_to_resting(), AfterPoll::Rest { woken: false });
        assert!(stage.transition_to_polling());
        assert!(!stage.transition_to_polling());
    }

    #[test]
    fn a_waker_that_is_used_during_the_poll_is_seen_after_it() {
        let stage = Stage::polling();
        assert!(!stage.transition_to_woken(), "the one who polls sees to it");
        assert_eq!(stage.transition_to_resting(), AfterPoll::Rest { woken: true });
    }

    #[test]
    fn the_first_use_of_the_waker_of_a_resting_future_counts() {
        let stage = resting();
        assert!(stage.transition_to_woken());
        assert!(!stage.transition_to_woken());
    }

    #[test]
    fn a_cancellation_takes_a_resting_future_once() {
        let stage = resting();
        assert_eq!(stage.transition_to_cancelled(), Cancelling::Take);
        assert_eq!(stage.transition_to_cancelled(), Cancelling::Over);
        assert!(!stage.transition_to_polling());
        assert!(!stage.transition_to_woken());
    }

    #[test]
    fn a_cancellation_during_a_poll_is_for_the_one_who_polls() {
        let stage = Stage::polling();
        assert_eq!(stage.transition_to_cancelled(), Cancelling::Later);
        assert_eq!(stage.transition_to_cancelled(), Cancelling::Later);
        assert_eq!(stage.transition_to_resting(), AfterPoll::Drop);
        assert_eq!(stage.transition_to_cancelled(), Cancelling::Later, "it is being dropped");
        stage.transition_to_gone();
        assert_eq!(stage.transition_to_cancelled(), Cancelling::Over);
    }

    #[test]
    fn what_is_gone_is_neither_polled_nor_woken() {
        let stage = Stage::polling();
        stage.transition_to_gone();
        assert!(!stage.transition_to_polling());
        assert!(!stage.transition_to_woken());
        assert!(!stage.is_cancelled());
        assert_eq!(stage.transition_to_cancelled(), Cancelling::Over);
        assert!(stage.is_cancelled());
    }
}
