//! Hands the version of the interpreter that is built for to the crate: `#[cfg(Py_3_12)]`.

fn main() {
    pyo3_build_config::use_pyo3_cfgs();
}
