//! Every raw call of CPython's C API, each behind a small safe function.
//!
//! The other modules hold Python objects in [`Field`]s and speak to the interpreter through PyO3 and
//! through what is exported here; `unsafe` ends at this border.

mod context;
mod error;
pub(crate) mod fault;
mod field;
mod stream;
mod table;
mod thread;
mod traverse;
mod work;

#[cfg(feature = "module")]
mod alive;
#[cfg(feature = "module")]
mod builtin;
#[cfg(feature = "module")]
mod call;
#[cfg(feature = "module")]
mod callable;
#[cfg(feature = "module")]
mod class;
#[cfg(feature = "module")]
mod construct;
#[cfg(feature = "module")]
mod coroutine;
#[cfg(feature = "module")]
mod dealloc;
#[cfg(all(feature = "module", not(Py_3_14)))]
mod dict;
#[cfg(feature = "module")]
mod entry;
#[cfg(feature = "module")]
mod function;
#[cfg(feature = "module")]
mod interpreter;
#[cfg(feature = "module")]
mod iterate;
#[cfg(feature = "module")]
mod method;
#[cfg(feature = "module")]
mod offer;
#[cfg(feature = "module")]
mod own_attribute;
#[cfg(feature = "module")]
mod queue;
#[cfg(feature = "module")]
mod recursion;
#[cfg(all(feature = "module", Py_3_14))]
mod running;
#[cfg(feature = "module")]
mod spare;
#[cfg(feature = "module")]
mod unwind;
#[cfg(feature = "module")]
mod uvloop;

pub(crate) use context::{EnteredContext, copy_context, copy_current_context};
pub(crate) use error::panicked;
pub(crate) use field::Field;
pub(crate) use stream::{RawStream, Source};
pub(crate) use table::{Hold, Ticket, table};
pub(crate) use thread::{begin_thread, end_thread, keep_thread_state};
pub(crate) use work::{RawWork, Work};

#[cfg(feature = "module")]
pub(crate) use self::{
    alive::{AliveList, Links, Listed, alive, join_list, leave_list},
    builtin::Builtin,
    call::{
        call, call_in_context, call_method, call_method_in_context, call_method_or_take_raised,
        call_with, compares_by_identity, same_or_equal,
    },
    callable::{Callable, Called, install_call},
    class::{
        attribute_of, has_weak_references, is_plain, is_unshared, member_of, method_of,
        never_changes, own_methods, references, track, untrack, version_of, version_of_dict,
    },
    construct::{
        Arguments, Construct, Signature, blank, construct, initialiser_of, install_allocation,
        install_constructor, name_without_module,
    },
    context::{LeftContext, is_context, new_context},
    coroutine::{Progress, is_generator, is_native_coroutine, send, throw},
    dealloc::{Lifecycle, OriginalDealloc, install_lifecycle, is_collected},
    error::{
        as_raised, catch_panic, chain, chained, given_exception_matches, passing_through, raise,
        set_cause_and_context, set_traceback, traceback_of, unraisable,
    },
    field::SharedField,
    function::{Body, Function, has_own_attributes, implementation_of, take_one_argument},
    interpreter::is_main_interpreter,
    iterate::{Advance, Iterate, install_awaiting, stop_iteration},
    method::{Given, Method, Quick, Reply, begin_with},
    offer::{Offer, capsule, table_of},
    own_attribute::{Own, OwnAttribute, OwnAttributes, OwnTogether},
    queue::{Deque, DequeClass, End},
    recursion::Counted,
    spare::{Kept, Spare, install_keeping, keep_unless_watched, renew, renew_kept},
    table::{Kind, use_own},
    thread::{is_only_thread, this_thread},
    traverse::{Collected, Enough, Traverse, Visit, install_traverse},
    uvloop::{Told, UvloopMemory, is_laid_out_as_known},
};

#[cfg(all(feature = "module", not(Py_3_14)))]
pub(crate) use dict::Entry;
#[cfg(all(feature = "module", Py_3_12))]
pub(crate) use function::code_and_first_free;
#[cfg(all(feature = "module", Py_3_14))]
pub(crate) use running::{Entry, Writers, find_place};
