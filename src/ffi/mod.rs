//! Every raw call of CPython's C API, each behind a small safe function.
//!
//! The other modules hold Python objects in [`Field`]s and speak to the interpreter through PyO3 and
//! through what is exported here; `unsafe` ends at this border.

mod alive;
mod call;
mod class;
mod construct;
mod context;
mod coroutine;
mod dealloc;
#[cfg(not(Py_3_14))]
mod dict;
mod error;
mod field;
mod function;
mod interpreter;
mod iterate;
mod method;
mod queue;
mod traverse;
mod unwind;

pub(crate) use alive::{AliveList, Links, Listed, alive, join_list, leave_list};
pub(crate) use call::{
    call_in_context, call_method_in_context, call_method_or_take_raised, call_one, same_or_equal,
};
pub(crate) use class::{
    attribute_of, is_unshared, member_of, method_of, track, untrack, version_of,
};
pub(crate) use construct::{Arguments, Construct, Signature, construct, install_constructor};
pub(crate) use context::{EnteredContext, copy_current_context, is_context};
pub(crate) use coroutine::{Progress, is_generator, is_native_coroutine, send, throw};
pub(crate) use dealloc::{Lifecycle, OriginalDealloc, install_lifecycle};
#[cfg(not(Py_3_14))]
pub(crate) use dict::Entry;
pub(crate) use error::{
    as_raised, chain, given_exception_matches, raise, set_cause_and_context, set_traceback,
    traceback_of, unraisable,
};
pub(crate) use field::{Field, SharedField};
pub(crate) use function::{Body, Function, has_own_attributes, implementation_of};
pub(crate) use interpreter::is_main_interpreter;
pub(crate) use iterate::{Advance, Iterate, Spare, install_awaiting};
pub(crate) use method::{Answer, Given, Method, Quick};
pub(crate) use queue::{Deque, DequeClass};
pub(crate) use traverse::{Collected, Enough, Traverse, Visit, install_traverse};
