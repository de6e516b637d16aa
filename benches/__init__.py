"""The benchmark: the built-in classes and the Rust ones, on every loop, in processes of their own.

`python -m benches --help`, from the folder that this package lies in. What the rows mean is in
docs/performance.md. How it fits together:

    rows.py       what a row, a side and a group are; workloads/ has the rows, a file a group
    sides.py      the implementations that are compared; loops.py the loops they run on
    child.py      one measurement, in the process it is called in
    plan.py       which measurements, in which order; runner.py has them made, one process each
    samples.py    medians and quartiles; results.py what was measured, as JSON, and its ratios
    targets.py    what is aimed at; markdown.py, chart.py and documents.py show it all
    counting.py   instructions instead of time

A new group of rows is a module in workloads/ with a `GROUP`, and its name in `workloads.GROUPS`.
Rows that compare something else than the two kinds of classes name other sides: two `Side`s, or one
where there is nothing to compare with. Nothing else has to know of them.
"""
