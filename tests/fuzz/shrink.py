"""Making a program that shows a difference smaller, as long as it shows one."""

from fuzz.programs import SHAPES, Several


def shrunk(program, shows, tries=3000):
    """Returns a program for which `shows(program)` is true and, within `tries`, for no smaller one.

    `shows(program)` must be true.
    """
    smaller = True
    while smaller:
        smaller = False
        for candidate in _simpler(program):
            tries -= 1
            if tries < 0:
                return program
            if shows(candidate):
                program, smaller = candidate, True
                break
    return program


def size(program):
    """Returns the number of nodes."""
    return sum(size(part) for part in program if isinstance(part, tuple)) + _is_node(program)


def _is_node(part):
    return bool(part) and isinstance(part[0], str)


def _simpler(node):
    """Yields nodes like `node`, each simpler in one place: the largest simplifications first."""
    name, *arguments = node
    for place, kind in enumerate(SHAPES[name]):
        for simpler in _simpler_argument(arguments[place], kind):
            yield (name, *arguments[:place], simpler, *arguments[place + 1 :])


def _simpler_argument(argument, kind):
    if isinstance(kind, Several):
        yield from _shorter(argument, kind)
    elif isinstance(argument, tuple):
        yield from _simpler(argument)
    elif argument != kind[0]:
        yield kind[0]


def _shorter(nodes, kind):
    length = len(nodes)
    while length:
        for start in range(0, len(nodes), length):
            yield nodes[:start] + nodes[start + length :]
        length //= 2
    for place, node in enumerate(nodes):
        before, after = nodes[:place], nodes[place + 1 :]
        for inner in _sequences_in(node, kind):
            yield before + inner + after
        for simpler in _simpler(node):
            yield (*before, simpler, *after)


def _sequences_in(node, kind):
    """Yields what could stand in place of the node: sequences of the same kind, from inside."""
    for argument, inner in zip(node[1:], SHAPES[node[0]], strict=True):
        if isinstance(inner, Several) and inner.menu == kind.menu:
            yield argument
        elif isinstance(argument, tuple) and _is_node(argument):
            yield from _sequences_in(argument, kind)
