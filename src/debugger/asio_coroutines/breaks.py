"""The coroutines that a user means by a name, and where their bodies begin: the rules of async-break."""

from __future__ import annotations

from collections.abc import Iterator

from .compilers import is_resuming
from .debugger import BUILD, UserMistake
from .function import Function
from .names import PLAIN_LAMBDA, plain_name
from .program import Program

CALL = "operator()"  # the name of a lambda's function
MOST_PLACES = 1_000  # bodies of one name


def bodies_named(program: Program, words: str) -> list[Function]:
    """The bodies of all coroutines with this name, in the order of their addresses: overloads, a template's instances,
    those of any scope: `serve` is also net::session::serve. Raises UserMistake where there is none."""
    name = plain_name(words.strip())
    if not name:
        raise UserMistake("async-break takes the name of a coroutine, such as net::session::serve or listen::{lambda}")
    functions = list(_functions_named(program, name))
    found = [each for each in functions if each.is_readable and is_resuming(program.debugger.linker_name(each.start))]
    if found:
        return found[:MOST_PLACES]
    if any(each.compiler for each in functions):
        raise UserMistake(f"{name} cannot be read: {BUILD}")
    if functions:
        raise UserMistake(f"{name} is no coroutine, or one without debug information")
    raise UserMistake(f"There is no coroutine {name} in the program")


def _functions_named(program: Program, name: str) -> Iterator[Function]:
    """The program's own functions with this name, in this scope or one within any other."""
    last = name.rpartition("::")[2]
    for start in sorted(program.debugger.functions_ending(CALL if last == PLAIN_LAMBDA else last)):
        function = program.function(start)
        if function and function.start == start and not function.is_library:
            if f"::{function.name}".endswith(f"::{name}"):
                yield function
