//! The life of a future and the bookkeeping of a task's cancellation, as plain values.
//!
//! No Python object and no `unsafe` in here: a transition says what follows from it, and the caller
//! does that with the objects it holds. A future lives once and in one direction:
//!
//! ```text
//! Pending ──► Returned     set_result()
//!         ──► Raised       set_exception()
//!         ──► Cancelled    cancel()
//! ```

/// Where a future is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Life {
    /// Not done: callbacks are collected.
    #[default]
    Pending,
    /// Done, with a result.
    Returned,
    /// Done, with an exception.
    Raised,
    /// Done, by a cancellation.
    Cancelled,
}

/// A future that is done already does not change any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AlreadyDone;

impl Life {
    pub(crate) fn is_done(self) -> bool {
        self != Life::Pending
    }

    /// The word that `Future._state` shows; asyncio tells a result from an exception elsewhere.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Life::Pending => "PENDING",
            Life::Returned | Life::Raised => "FINISHED",
            Life::Cancelled => "CANCELLED",
        }
    }

    pub(crate) fn transition_to_returned(self) -> Result<Life, AlreadyDone> {
        self.leave_pending(Life::Returned)
    }

    pub(crate) fn transition_to_raised(self) -> Result<Life, AlreadyDone> {
        self.leave_pending(Life::Raised)
    }

    pub(crate) fn transition_to_cancelled(self) -> Result<Life, AlreadyDone> {
        self.leave_pending(Life::Cancelled)
    }

    fn leave_pending(self, next: Life) -> Result<Life, AlreadyDone> {
        match self {
            Life::Pending => Ok(next),
            _ => Err(AlreadyDone),
        }
    }
}

/// What a task knows of the requests to cancel it.
///
/// `requests` counts `cancel()` minus `uncancel()`. `due` says that the next step must throw a
/// `CancelledError` into the coroutine: it is set when a request found no future that would take
/// it, and it is *not* set when the awaited future took the request, for then that future's own
/// cancellation wakes the task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cancellation {
    requests: u32,
    due: bool,
}

impl Cancellation {
    pub(crate) fn requests(self) -> u32 {
        self.requests
    }

    pub(crate) fn is_due(self) -> bool {
        self.due
    }

    /// `cancel()` was called.
    #[must_use]
    pub(crate) fn transition_to_requested(self) -> Self {
        Self { requests: self.requests.saturating_add(1), ..self }
    }

    /// No awaited future took the request: the next step has to deliver it.
    #[must_use]
    pub(crate) fn transition_to_due(self) -> Self {
        Self { due: true, ..self }
    }

    /// The coroutine, its last result or the awaited future has taken what was due.
    #[must_use]
    pub(crate) fn transition_to_delivered(self) -> Self {
        Self { due: false, ..self }
    }

    /// `uncancel()` was called. Since CPython 3.13 the last one also takes back what is due
    /// (`Lib/asyncio/tasks.py`, `Task.uncancel`).
    #[must_use]
    pub(crate) fn transition_to_withdrawn(self, last_clears_due: bool) -> Self {
        let Some(requests) = self.requests.checked_sub(1) else {
            return self;
        };
        Self { requests, due: self.due && !(last_clears_due && requests == 0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_future_leaves_pending_once() {
        type Transition = fn(Life) -> Result<Life, AlreadyDone>;
        let transitions: [(Transition, Life); 3] = [
            (Life::transition_to_returned, Life::Returned),
            (Life::transition_to_raised, Life::Raised),
            (Life::transition_to_cancelled, Life::Cancelled),
        ];
        for (first, reached) in transitions {
            assert_eq!(first(Life::Pending), Ok(reached));
            for (second, _) in transitions {
                assert_eq!(second(reached), Err(AlreadyDone));
            }
        }
    }

    #[test]
    fn only_pending_is_not_done() {
        assert!(!Life::Pending.is_done());
        for life in [Life::Returned, Life::Raised, Life::Cancelled] {
            assert!(life.is_done());
        }
    }

    #[test]
    fn names_are_those_of_asyncio() {
        assert_eq!(Life::default().name(), "PENDING");
        assert_eq!(Life::Returned.name(), "FINISHED");
        assert_eq!(Life::Raised.name(), "FINISHED");
        assert_eq!(Life::Cancelled.name(), "CANCELLED");
    }

    #[test]
    fn a_request_is_not_due_by_itself() {
        let requested = Cancellation::default().transition_to_requested();
        assert_eq!(requested.requests(), 1);
        assert!(!requested.is_due());
    }

    #[test]
    fn delivery_keeps_the_count() {
        let due = Cancellation::default().transition_to_requested().transition_to_due();
        assert!(due.is_due());
        let delivered = due.transition_to_delivered();
        assert!(!delivered.is_due());
        assert_eq!(delivered.requests(), 1);
    }

    #[test]
    fn withdrawing_counts_down_to_zero_and_no_further() {
        let twice = Cancellation::default().transition_to_requested().transition_to_requested();
        let once = twice.transition_to_withdrawn(true);
        assert_eq!(once.requests(), 1);
        let none = once.transition_to_withdrawn(true);
        assert_eq!(none.requests(), 0);
        assert_eq!(none.transition_to_withdrawn(true), none);
    }

    #[test]
    fn the_last_withdrawal_clears_what_is_due_where_asked() {
        let twice = Cancellation::default()
            .transition_to_requested()
            .transition_to_requested()
            .transition_to_due();
        let once = twice.transition_to_withdrawn(true);
        assert!(once.is_due(), "one request is left");
        assert!(!once.transition_to_withdrawn(true).is_due());
        assert!(once.transition_to_withdrawn(false).is_due());
    }

    #[test]
    fn withdrawing_what_was_never_requested_changes_nothing() {
        let due = Cancellation::default().transition_to_due();
        assert_eq!(due.transition_to_withdrawn(true), due);
    }
}
