"""What memcheck reports is told apart: ours, PyO3's on purpose, the interpreter's."""

import pytest

from memory.memcheck import Report


def report(*functions, library="_core.cpython-312-x86_64-linux-gnu.so"):
    """An error whose innermost frames are of the interpreter, and then those of `library`."""
    frames = "".join(
        f"<frame><ip>0x1</ip><obj>/lib/{obj}</obj><fn>{function}</fn></frame>"
        for obj, function in [
            ("vgpreload_memcheck-amd64-linux.so", "malloc"),
            ("libpython3.12.so.1.0", "PyUnicode_New"),
            *((library, function.replace("<", "&lt;")) for function in functions),
        ]
    )
    return Report(
        f"""<valgrindoutput>
        <error><kind>Leak_DefinitelyLost</kind>
        <xwhat><text>8 bytes in 1 blocks are definitely lost</text></xwhat>
        <stack>{frames}</stack></error>
        <suppcounts><pair><count>5</count><name>a</name></pair>
        <pair><count>2</count><name>b</name></pair></suppcounts>
        </valgrindoutput>"""
    )


def test_an_error_in_a_call_of_ours_is_ours():
    told = report("aioxide::task::step::run", "aioxide::task::handle::_run")
    assert told.others == []
    assert str(told.ours[0]).splitlines()[0] == "8 bytes in 1 blocks are definitely lost"
    assert "aioxide::task::step::run" in str(told.ours[0])


@pytest.mark.parametrize(
    ("function", "library"),
    [
        ("r_object", "libpython3.12.so.1.0"),
        ("push_raw_vec_slot<pyo3_ffi::descrobject::PyMemberDef>", "_core.cpython-312.so"),
    ],
)
def test_what_is_not_ours_is_counted(function, library):
    told = report(function, library=library)
    assert told.ours == []
    assert len(told.others) == 1
    assert told.others[0].where().startswith("PyUnicode_New < ")


def test_suppressed_errors_are_counted():
    assert report("r_object").suppressed == 7
