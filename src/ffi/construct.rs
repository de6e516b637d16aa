//! Calling a class: `Task(coro, loop=loop)` with nothing made on the way but the object.
//!
//! PyO3 lets a class be called through `__new__` and `__init__`, each with a tuple and a dict of
//! arguments, and allocates through `object.__new__`, which refuses abstract classes and on 3.11 and
//! 3.12 also makes the instance's `__dict__`. The built-in classes do neither. So the type gets
//!
//! - a `tp_new` that only allocates, for subclasses, and
//! - a `tp_vectorcall`, for the class itself (it is never inherited), which takes the arguments where
//!   the caller has them.
//!
//! Both ways to initialise read their arguments by one [`Signature`].

use std::ffi::CStr;
use std::marker::PhantomData;
use std::{iter, ptr, slice};

use pyo3::PyClass;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple};

use super::class::track;
use super::dealloc::Lifecycle;
use super::entry::{Entry, Passed, enter};
use super::fault;
use super::field::Field;
use super::spare::revive;

/// No signature of ours is longer.
const MOST_PARAMETERS: usize = 5;

/// What was given for each parameter.
pub(crate) type Arguments<'py> = [Option<Bound<'py, PyAny>>; MOST_PARAMETERS];

/// The parameters of a class, the positional ones (all of them required) first.
pub(crate) struct Signature {
    names: &'static [&'static str],
    positional: usize,
    /// The names as Python strings; a keyword at a call is the same object nearly always.
    interned: PyOnceLock<Vec<Py<PyString>>>,
    /// The keywords of the last call: whoever calls again has the same ones.
    last: Field<Option<Keywords>>,
}

/// The keywords of a call, and the parameters that they are for.
struct Keywords {
    names: Py<PyTuple>,
    places: [u8; MOST_PARAMETERS],
}

impl Keywords {
    /// Whether these are the keywords: mostly in the same tuple, else the same strings in another one.
    fn has(&self, names: &Bound<'_, PyTuple>) -> bool {
        let known = self.names.bind(names.py());
        known.is(names)
            || (known.len() == names.len()
                && known.iter_borrowed().zip(names.iter_borrowed()).all(|(one, two)| one.is(two)))
    }
}

/// The arguments do not fit the parameters.
pub(crate) struct Mismatch;

impl Signature {
    pub(crate) const fn new(positional: usize, names: &'static [&'static str]) -> Self {
        assert!(names.len() <= MOST_PARAMETERS);
        Self { names, positional, interned: PyOnceLock::new(), last: Field::new(None) }
    }

    /// Reads the arguments as `__init__(self, *args, **kwargs)` gets them.
    pub(crate) fn read<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
        into: &mut Arguments<'py>,
    ) -> Result<(), Mismatch> {
        self.assign(args.py(), args.iter(), kwargs.into_iter().flatten(), into)
    }

    fn assign<'py>(
        &self,
        py: Python<'py>,
        positional: impl Iterator<Item = Bound<'py, PyAny>>,
        keywords: impl Iterator<Item = (Bound<'py, PyAny>, Bound<'py, PyAny>)>,
        into: &mut Arguments<'py>,
    ) -> Result<(), Mismatch> {
        self.assign_positional(positional, into)?;
        for (name, value) in keywords {
            let place = &mut into[self.place_of(py, &name).ok_or(Mismatch)?];
            if place.replace(value).is_some() {
                return Err(Mismatch);
            }
        }
        self.check(into)
    }

    /// As `assign`, for values of which the names are in a tuple.
    fn assign_named<'py>(
        &self,
        positional: impl Iterator<Item = Bound<'py, PyAny>>,
        names: &Bound<'py, PyTuple>,
        values: impl Iterator<Item = Bound<'py, PyAny>>,
        into: &mut Arguments<'py>,
    ) -> Result<(), Mismatch> {
        self.assign_positional(positional, into)?;
        for (place, value) in self.places_of(names)?.into_iter().zip(values) {
            if into[usize::from(place)].replace(value).is_some() {
                return Err(Mismatch);
            }
        }
        self.check(into)
    }

    fn assign_positional<'py>(
        &self,
        positional: impl Iterator<Item = Bound<'py, PyAny>>,
        into: &mut Arguments<'py>,
    ) -> Result<(), Mismatch> {
        for (index, value) in positional.enumerate() {
            if index >= self.positional {
                return Err(Mismatch);
            }
            into[index] = Some(value);
        }
        Ok(())
    }

    /// Whether nothing is missing.
    fn check(&self, arguments: &Arguments<'_>) -> Result<(), Mismatch> {
        let complete = arguments[..self.positional].iter().all(Option::is_some);
        if complete { Ok(()) } else { Err(Mismatch) }
    }

    /// The parameter for each of the names, in their order; what is behind them means nothing.
    fn places_of(&self, names: &Bound<'_, PyTuple>) -> Result<[u8; MOST_PARAMETERS], Mismatch> {
        let py = names.py();
        if let Some(places) = self
            .last
            .look(py, |last| last.as_ref().filter(|last| last.has(names)).map(|last| last.places))
        {
            return Ok(places);
        }
        let mut places = [0; MOST_PARAMETERS];
        if names.len() > MOST_PARAMETERS {
            return Err(Mismatch);
        }
        for (place, name) in places.iter_mut().zip(names) {
            let found = self.place_of(py, &name).ok_or(Mismatch)?;
            *place = u8::try_from(found).map_err(|_| Mismatch)?;
        }
        let keywords = Keywords { names: names.clone().unbind(), places };
        drop(self.last.replace(py, Some(keywords)));
        Ok(places)
    }

    fn place_of(&self, py: Python<'_>, name: &Bound<'_, PyAny>) -> Option<usize> {
        let interned = self.interned.get_or_init(py, || {
            self.names.iter().map(|name| PyString::intern(py, name).unbind()).collect()
        });
        let same = interned.iter().position(|known| known.as_ptr() == name.as_ptr());
        same.or_else(|| {
            let name = name.cast::<PyString>().ok()?.to_str().ok()?;
            self.names.iter().position(|known| *known == name)
        })
    }
}

/// A class of ours that takes the place of a built-in one and is made as that one is.
pub(crate) trait Construct: Lifecycle {
    fn signature() -> &'static Signature;

    /// The class whose words are used when the arguments are wrong.
    fn builtin(py: Python<'_>) -> &Bound<'_, PyAny>;

    /// Where the values of the class and its bases are in an object.
    fn offsets() -> &'static PyOnceLock<Vec<usize>>;

    /// The addresses of those values in an object that is there.
    fn addresses(this: &Bound<'_, Self>) -> Vec<usize>;

    /// Writes values that are not initialised yet to the object.
    ///
    /// # Safety
    /// The object has just been allocated for this class or a subclass; the offsets are those of
    /// `addresses` in any other one.
    unsafe fn write_unready(object: *mut ffi::PyObject, offsets: &[usize]);

    /// `__init__`
    fn initialise<'py>(this: &Bound<'py, Self>, arguments: &mut Arguments<'py>) -> PyResult<()>;

    /// `__init__` as subclasses call it.
    fn initialise_from<'py>(
        this: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<()> {
        let mut arguments = Arguments::default();
        match Self::signature().read(args, kwargs, &mut arguments) {
            Ok(()) => Self::initialise(this, &mut arguments),
            Err(Mismatch) => Err(builtin_complaint(Self::builtin(this.py()), args, kwargs)),
        }
    }
}

/// The error that the built-in class has for arguments that do not fit: it is asked.
fn builtin_complaint(
    builtin: &Bound<'_, PyAny>,
    args: &Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
) -> PyErr {
    let py = builtin.py();
    let asked = builtin
        .call_method1(intern!(py, "__new__"), (builtin,))
        .and_then(|blank| blank.call_method(intern!(py, "__init__"), args, kwargs));
    asked.err().unwrap_or_else(|| PyTypeError::new_err("wrong arguments"))
}

/// Puts the short way on the type of `T`. Once, when the module is made. `__init__` must not change.
pub(crate) fn install_constructor<T: Construct>(py: Python<'_>) -> PyResult<()> {
    install_allocation::<T>(py)?;
    // SAFETY: the type is ready and used by no other thread yet; the slot is a plain pointer.
    unsafe { (*T::type_object_raw(py)).tp_vectorcall = Some(call::<T>) };
    Ok(())
}

/// Has objects of `T` and of its subclasses allocated here.
pub(crate) fn install_allocation<T: Construct>(py: Python<'_>) -> PyResult<()> {
    let class = py.get_type::<T>();
    let specimen = class.call_method1(intern!(py, "__new__"), (&class,))?.cast_into::<T>()?;
    let start = specimen.as_ptr() as usize;
    let offsets = T::addresses(&specimen).into_iter().map(|address| address - start).collect();
    let _ = T::offsets().set(py, offsets);
    // SAFETY: the type is ready and used by no other thread yet; the slot is a plain pointer.
    unsafe {
        (*class.as_type_ptr()).tp_new = Some(new::<T>);
        ffi::PyType_Modified(class.as_type_ptr());
    }
    Ok(())
}

/// Where the code is that initialises an object of `T`: another one once `__init__` was replaced.
pub(crate) fn initialiser_of<T: PyClass>(py: Python<'_>) -> Option<usize> {
    // SAFETY: the type is ready; the slot is a plain pointer.
    unsafe { (*T::type_object_raw(py)).tp_init.map(|init| init as usize) }
}

/// Has error messages name the class without its module, as they do for one written in Python.
pub(crate) fn name_without_module<T: PyClass>(py: Python<'_>, name: &'static CStr) {
    // SAFETY: the type is ready and used by no other thread yet; the name lives as long as it does,
    // and is not what the type frees.
    unsafe { (*T::type_object_raw(py)).tp_name = name.as_ptr() };
}

/// A new object of `class`, not initialised.
///
/// # Safety
/// `class` is the type of `T` or of a subclass.
unsafe fn allocate<T: Construct>(
    py: Python<'_>,
    class: *mut ffi::PyTypeObject,
) -> PyResult<Bound<'_, T>> {
    // What `tp_alloc` returns is zeroed, which is what PyO3 takes for an empty dict and no weak
    // references. The offsets of a specimen hold for a subclass, whose own part comes behind.
    //
    // SAFETY: attached; what else an object of `T` consists of is written to the offsets that a
    // specimen has shown, before anything else can look at it. What was kept is the memory of an object of
    // exactly `T`, without a dict and weak references.
    unsafe {
        let offsets = T::offsets().get(py).expect("set when the slot was");
        if class == T::type_object_raw(py)
            && let Some(object) = T::spare().and_then(|spare| revive(py, spare))
        {
            T::write_unready(object.as_ptr(), offsets);
            let object = object.cast_into_unchecked();
            track(&object);
            return Ok(object);
        }
        let alloc = (*class).tp_alloc.unwrap_or(ffi::PyType_GenericAlloc);
        let object = Bound::from_owned_ptr_or_err(py, alloc(class, 0))?;
        T::write_unready(object.as_ptr(), offsets);
        Ok(object.cast_into_unchecked())
    }
}

/// A new object of `T` itself, on which `__init__` has not been called.
pub(crate) fn blank<T: Construct>(py: Python<'_>) -> PyResult<Bound<'_, T>> {
    // SAFETY: the class is that of `T`.
    unsafe { allocate::<T>(py, T::type_object_raw(py)) }
}

/// A new object of exactly the class of `T`, initialised.
pub(crate) fn construct<'py, T: Construct>(
    py: Python<'py>,
    arguments: &mut Arguments<'py>,
) -> PyResult<Bound<'py, T>> {
    let object = blank::<T>(py)?;
    T::initialise(&object, arguments)?;
    Ok(object)
}

unsafe extern "C" fn new<T: Construct>(
    class: *mut ffi::PyTypeObject,
    _args: *mut ffi::PyObject,
    _kwargs: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the interpreter calls this attached, with what `New` takes.
    unsafe { enter::<New<T>>(class.cast(), ptr::null(), 0, ptr::null_mut()) }
}

struct New<T>(PhantomData<T>);

impl<T: Construct> Entry for New<T> {
    unsafe fn run(py: Python<'_>, passed: Passed) -> PyResult<*mut ffi::PyObject> {
        fault::point();
        // SAFETY: the class is the type of `T` or a subclass.
        unsafe { allocate::<T>(py, passed.receiver.cast()).map(Bound::into_ptr) }
    }
}

unsafe extern "C" fn call<T: Construct>(
    class: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    flagged_count: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the interpreter calls this attached, with what `Call` takes. It is only on the type of `T`
    // itself.
    unsafe {
        let count = ffi::PyVectorcall_NARGS(flagged_count);
        enter::<Call<T>>(class, arguments, count, names)
    }
}

struct Call<T>(PhantomData<T>);

impl<T: Construct> Entry for Call<T> {
    unsafe fn run(py: Python<'_>, passed: Passed) -> PyResult<*mut ffi::PyObject> {
        let Passed { arguments, count, names, .. } = passed;
        fault::point();
        // SAFETY: there are so many borrowed positional arguments, then those of the keywords that the
        // tuple `names` (or NULL) gives.
        unsafe {
            let positional = count.cast_unsigned();
            let names = Bound::from_borrowed_ptr_or_opt(py, names)
                .map(|names| names.cast_into_unchecked::<PyTuple>());
            let all = positional + names.as_ref().map_or(0, PyTupleMethods::len);
            let values = if all == 0 { &[] } else { slice::from_raw_parts(arguments, all) };
            let (positional, keywords) = values.split_at(positional);
            make::<T>(py, positional, keywords, names.as_ref()).map(Bound::into_ptr)
        }
    }
}

/// # Safety
/// The values are borrowed objects, and `names` has as many names as there are `keywords`.
unsafe fn make<'py, T: Construct>(
    py: Python<'py>,
    positional: &[*mut ffi::PyObject],
    keywords: &[*mut ffi::PyObject],
    names: Option<&Bound<'py, PyTuple>>,
) -> PyResult<Bound<'py, T>> {
    // SAFETY: the caller vouches for the pointers.
    let bound = |value: &*mut ffi::PyObject| unsafe { Bound::from_borrowed_ptr(py, *value) };
    let signature = T::signature();
    // They are read where they stay: to move what was just written costs more than to write it.
    let mut arguments = Arguments::default();
    let given = positional.iter().map(bound);
    let read = match names {
        None => signature.assign(py, given, iter::empty(), &mut arguments),
        Some(names) => {
            signature.assign_named(given, names, keywords.iter().map(bound), &mut arguments)
        }
    };
    if read.is_ok() {
        return construct(py, &mut arguments);
    }
    let args = PyTuple::new(py, positional.iter().map(bound))?;
    let kwargs = PyDict::new(py);
    for (name, value) in names.into_iter().flatten().zip(keywords.iter().map(bound)) {
        kwargs.set_item(name, value)?;
    }
    Err(builtin_complaint(T::builtin(py), &args, Some(&kwargs)))
}
