//! An attribute that objects have of their own, read from where the interpreter keeps it.
//!
//! An object that nobody has asked for its `__dict__` keeps its attributes in an array. They are in the
//! order of the keys that all objects of its class share; keys are only ever added, at the end. So the
//! place of an attribute is found once, and reading it is no lookup any more.
//!
//! Source: CPython, `Include/internal/pycore_dict.h` and `Objects/dictobject.c` of 3.11 to 3.14. Where an
//! object has its attributes in another way, this knows nothing of them.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::class::attribute_of;
use super::field::Field;

/// What an object has of its own by some name.
pub(crate) enum Own {
    /// This, to be compared by address.
    Value(*mut ffi::PyObject),
    Nothing,
    /// It takes a lookup to know.
    Unknown,
}

/// An attribute by its name, and its place in objects of the class that was seen last. To be asked only
/// about objects of classes that are never freed: the class is known by where its keys are.
pub(crate) struct OwnAttribute {
    name: Py<PyString>,
    place: Field<Place>,
}

/// Where a key is among the first so many of a class.
#[derive(Clone, Copy)]
struct Place {
    keys: usize,
    looked_at: isize,
    index: Option<usize>,
}

impl OwnAttribute {
    pub(crate) fn new(name: &Bound<'_, PyString>) -> Self {
        let nowhere = Place { keys: 0, looked_at: 0, index: None };
        Self { name: name.clone().unbind(), place: Field::new(nowhere) }
    }

    pub(crate) fn name<'py>(&self, py: Python<'py>) -> &Bound<'py, PyString> {
        self.name.bind(py)
    }

    #[cold]
    fn look_up(&self, py: Python<'_>, keys: *const Keys) -> Place {
        // SAFETY: attached; the keys are those of a class that is alive.
        let (looked_at, index) = unsafe { ((*keys).entries, Keys::find(keys, self.name.as_ptr())) };
        let place = Place { keys: keys as usize, looked_at, index };
        self.place.poke(py, place);
        place
    }

    /// What the object has of its own by this name.
    pub(crate) fn of(&self, object: &Bound<'_, PyAny>) -> Own {
        OwnAttributes::of(object).get(self)
    }

    /// The same, looked up where that is needed.
    pub(crate) fn value<'py>(&self, object: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        OwnAttributes::of(object).value(self)
    }
}

/// What an object has of its own at this moment.
pub(crate) struct OwnAttributes<'a, 'py> {
    object: &'a Bound<'py, PyAny>,
    attributes: Attributes,
}

impl<'a, 'py> OwnAttributes<'a, 'py> {
    #[inline]
    pub(crate) fn of(object: &'a Bound<'py, PyAny>) -> Self {
        // SAFETY: attached; the object is valid.
        Self { object, attributes: unsafe { layout::attributes_of(object.as_ptr()) } }
    }

    /// Must be called before any other code has run.
    #[inline]
    pub(crate) fn get(&self, attribute: &OwnAttribute) -> Own {
        let (keys, values) = match self.attributes {
            Attributes::None => return Own::Nothing,
            Attributes::Array { keys, values } => (keys, values),
            Attributes::Elsewhere => return Own::Unknown,
        };
        let mut place = attribute.place.peek(self.object.py());
        // SAFETY: attached; a class that has an object is alive, and so are the keys it shares.
        let entries = unsafe { (*keys).entries };
        if place.keys != keys as usize || (place.index.is_none() && place.looked_at != entries) {
            place = attribute.look_up(self.object.py(), keys);
        }
        let Some(index) = place.index else { return Own::Nothing };
        // SAFETY: attached; the array has a place for each key that the class shares.
        let value = unsafe { *values.add(index) };
        if value.is_null() { Own::Nothing } else { Own::Value(value) }
    }

    /// The same, looked up where that is needed. Must be called before any other code has run.
    #[inline]
    pub(crate) fn value(&self, attribute: &OwnAttribute) -> Option<Bound<'py, PyAny>> {
        let py = self.object.py();
        match self.get(attribute) {
            // SAFETY: attached; the object holds the value, and nothing has run since it was found there.
            Own::Value(value) => Some(unsafe { Bound::from_borrowed_ptr(py, value) }),
            Own::Nothing => None,
            Own::Unknown => attribute_of(self.object, attribute.name(py)),
        }
    }
}

/// Attributes that are read together of objects that lack others, which would hide something. To be asked
/// as `OwnAttribute`.
pub(crate) struct OwnTogether<const LACKED: usize, const N: usize> {
    lacked: [Py<PyString>; LACKED],
    names: [Py<PyString>; N],
    places: Field<Places<LACKED, N>>,
}

/// Where the keys are among the first so many of a class: those that are to be lacked, and the others, if
/// all of these are.
#[derive(Clone, Copy)]
struct Places<const LACKED: usize, const N: usize> {
    keys: usize,
    looked_at: isize,
    lacked: [Option<usize>; LACKED],
    indices: Option<[usize; N]>,
}

impl<const LACKED: usize, const N: usize> OwnTogether<LACKED, N> {
    pub(crate) fn new(py: Python<'_>, lacked: [&str; LACKED], names: [&str; N]) -> Self {
        let intern = |name: &str| PyString::intern(py, name).unbind();
        Self {
            lacked: lacked.map(intern),
            names: names.map(intern),
            places: Field::new(Places {
                keys: 0,
                looked_at: 0,
                lacked: [None; LACKED],
                indices: None,
            }),
        }
    }

    /// What `look` makes of what the object has by these names; None where it takes a closer look to know.
    /// It must run no Python code.
    #[inline]
    pub(crate) fn look<'py, R>(
        &self,
        object: &Bound<'py, PyAny>,
        look: impl FnOnce([Option<Borrowed<'_, 'py, PyAny>>; N]) -> R,
    ) -> Option<R> {
        let py = object.py();
        // SAFETY: attached; the object is valid.
        let (keys, values) = match unsafe { layout::attributes_of(object.as_ptr()) } {
            Attributes::Array { keys, values } => (keys, values),
            Attributes::None => return Some(look([const { None }; N])),
            Attributes::Elsewhere => return None,
        };
        let mut places = self.places.peek(py);
        // SAFETY: attached; a class that has an object is alive, and so are the keys it shares.
        if places.keys != keys as usize || places.looked_at != unsafe { (*keys).entries } {
            places = self.look_up(py, keys);
        }
        // SAFETY: attached; the array has a place for each key that the class shares, and the object holds
        // what is there, or there is NULL. Nothing runs that could change it.
        let value = |index| unsafe { Borrowed::from_ptr_or_opt(py, *values.add(index)) };
        if places.lacked.into_iter().flatten().any(|index| value(index).is_some()) {
            return None;
        }
        places.indices.map(|indices| look(indices.map(value)))
    }

    #[cold]
    fn look_up(&self, py: Python<'_>, keys: *const Keys) -> Places<LACKED, N> {
        // SAFETY: attached; the keys are those of a class that is alive.
        let find = |name: &Py<PyString>| unsafe { Keys::find(keys, name.as_ptr()) };
        let found = self.names.each_ref().map(find);
        let is_complete = found.iter().all(Option::is_some);
        let indices = is_complete.then(|| found.map(Option::unwrap_or_default));
        let lacked = self.lacked.each_ref().map(find);
        // SAFETY: as above.
        let looked_at = unsafe { (*keys).entries };
        let places = Places { keys: keys as usize, looked_at, lacked, indices };
        self.places.poke(py, places);
        places
    }
}

/// How an object has its attributes.
#[cfg_attr(Py_3_15, allow(dead_code))]
enum Attributes {
    None,
    Array {
        keys: *const Keys,
        values: *const *mut ffi::PyObject,
    },
    /// In a dict, or in some way that is not known here.
    Elsewhere,
}

/// The beginning of `PyDictKeysObject`; its indices follow, and then its entries.
#[repr(C)]
struct Keys {
    references: ffi::Py_ssize_t,
    log2_size: u8,
    log2_index_bytes: u8,
    kind: u8,
    version: u32,
    usable: ffi::Py_ssize_t,
    entries: ffi::Py_ssize_t,
}

/// `PyDictUnicodeEntry`
#[repr(C)]
struct Entry {
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
}

impl Keys {
    /// The index of a key.
    ///
    /// # Safety
    /// Attached; the keys are those that the objects of a class share, which is alive.
    unsafe fn find(keys: *const Self, name: *mut ffi::PyObject) -> Option<usize> {
        // SAFETY: the caller vouches for the keys; such keys are strings, and there are as many as the
        // table says. Strings that can be compared raise nothing.
        unsafe {
            let indices = keys.add(1);
            let entries = indices.byte_add(1 << (*keys).log2_index_bytes).cast::<Entry>();
            (0..(*keys).entries.cast_unsigned()).find(|index| {
                let key = (*entries.add(*index)).key;
                key == name || ffi::PyUnicode_Compare(key, name) == 0
            })
        }
    }
}

/// Where each version of the interpreter has what an object has of its own.
#[cfg(not(Py_3_15))]
mod layout {
    use pyo3::ffi;

    use super::{Attributes, Keys};

    /// `DICT_KEYS_SPLIT`: keys that objects share.
    const SHARED: u8 = 2;

    /// How many words before an object its dict is.
    const DICT: usize = 3;

    /// # Safety
    /// Attached; the object is valid.
    #[inline]
    pub(super) unsafe fn attributes_of(object: *mut ffi::PyObject) -> Attributes {
        // SAFETY: the caller vouches for the object. A class with that flag was made while the program
        // runs, and so has keys to share, or NULL.
        unsafe {
            let class = ffi::Py_TYPE(object);
            if (*class).tp_flags & ffi::Py_TPFLAGS_MANAGED_DICT == 0 {
                return Attributes::Elsewhere;
            }
            let values = match values_of(object, class) {
                Values::None => return Attributes::None,
                Values::Array(values) => values,
                Values::Elsewhere => return Attributes::Elsewhere,
            };
            let keys = (*class.cast::<ffi::PyHeapTypeObject>()).ht_cached_keys.cast::<Keys>();
            if keys.is_null() || (*keys).kind != SHARED {
                return Attributes::Elsewhere;
            }
            Attributes::Array { keys, values }
        }
    }

    enum Values {
        None,
        Array(*const *mut ffi::PyObject),
        Elsewhere,
    }

    /// 3.11 has the array a word before the dict.
    ///
    /// # Safety
    /// The object is of this class, which has dicts that the interpreter manages.
    #[cfg(not(Py_3_12))]
    #[inline]
    unsafe fn values_of(object: *mut ffi::PyObject, _: *mut ffi::PyTypeObject) -> Values {
        // SAFETY: such objects have both words.
        let (array, dict) = unsafe {
            let words = object.cast::<*mut *mut ffi::PyObject>();
            (*words.sub(DICT + 1), *words.sub(DICT))
        };
        match (array.is_null(), dict.is_null()) {
            (false, _) => Values::Array(array),
            (true, true) => Values::None,
            (true, false) => Values::Elsewhere,
        }
    }

    /// 3.12 has one or the other in the same word; an odd number is the byte before the array.
    ///
    /// # Safety
    /// The object is of this class, which has dicts that the interpreter manages.
    #[cfg(all(Py_3_12, not(Py_3_13)))]
    #[inline]
    unsafe fn values_of(object: *mut ffi::PyObject, _: *mut ffi::PyTypeObject) -> Values {
        // SAFETY: such objects have that word, and the array is where it says.
        unsafe {
            let word = *object.cast::<*const u8>().sub(DICT);
            match word.is_null() {
                true => Values::None,
                false if word as usize & 1 == 1 => Values::Array(word.add(1).cast()),
                false => Values::Elsewhere,
            }
        }
    }

    /// Since 3.13 the array is a part of the object, after four bytes of which the last tells whether it
    /// is in use; classes with memory of their own have none.
    ///
    /// # Safety
    /// The object is of this class, which has dicts that the interpreter manages.
    #[cfg(Py_3_13)]
    #[inline]
    unsafe fn values_of(object: *mut ffi::PyObject, class: *mut ffi::PyTypeObject) -> Values {
        /// `Py_TPFLAGS_INLINE_VALUES`
        const INLINE: std::ffi::c_ulong = 1 << 2;
        const VALID: usize = 3;

        // SAFETY: such objects have the word; by the flag, the array follows at the end of what the class
        // says its objects take.
        unsafe {
            if (*class).tp_flags & INLINE == 0 {
                let dict = *object.cast::<*mut ffi::PyObject>().sub(DICT);
                return if dict.is_null() { Values::None } else { Values::Elsewhere };
            }
            let head = object.byte_offset((*class).tp_basicsize);
            match *head.cast::<u8>().add(VALID) {
                0 => Values::Elsewhere,
                _ => Values::Array(head.cast::<*mut ffi::PyObject>().add(1)),
            }
        }
    }
}

/// A version that is not known here.
#[cfg(Py_3_15)]
mod layout {
    use pyo3::ffi;

    use super::Attributes;

    /// # Safety
    /// None.
    pub(super) unsafe fn attributes_of(_: *mut ffi::PyObject) -> Attributes {
        Attributes::Elsewhere
    }
}
