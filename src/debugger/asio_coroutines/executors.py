"""Executors in words: "io_context", "strand of thread_pool"."""

from __future__ import annotations

from . import layout
from .debugger import NoMemory
from .names import behind_bracket, plain_name
from .program import Snapshot

EMPTY = "empty"
UNKNOWN = "..."
ANY = "any_io_executor"
DEEPEST = 3  # executors inside each other


def name_of(type_name: str) -> str:
    """What an executor of this type is.

    >>> name_of("boost::asio::strand<boost::asio::io_context::basic_executor_type<std::allocator<void>, 0> >")
    'strand of io_context'
    """
    if strand := layout.STRAND.match(type_name):
        return f"strand of {name_of(_template_argument(type_name, strand.end()))}"
    if context := layout.CONTEXT_EXECUTOR.match(type_name):
        return context[1]
    if other := layout.OTHER_EXECUTOR.match(type_name):
        return other[1]
    if layout.ANY_EXECUTOR.match(type_name):
        return ANY
    return plain_name(type_name) or UNKNOWN


def text(snapshot: Snapshot, type_name: str, address: int, depth: int = 0) -> str:
    """What the executor of this type is that is at this address."""
    if layout.ANY_EXECUTOR.match(type_name):
        try:
            functions = snapshot.word(address + layout.TARGET_FUNCTIONS)
            return text_of_target(snapshot, functions, snapshot.word(address + layout.TARGET), depth + 1)
        except NoMemory:
            return UNKNOWN
    strand = layout.STRAND.match(type_name)
    if strand and depth < DEEPEST:  # which begins with the executor that it is made of
        return f"strand of {text(snapshot, _template_argument(type_name, strand.end()), address, depth + 1)}"
    return name_of(type_name)


def text_of_target(snapshot: Snapshot, functions: int, target: int, depth: int = 1) -> str:
    """What an any_io_executor holds: `functions` is its target_fns_, whose name has the type, `target` its target_."""
    if not functions:
        return EMPTY
    known = snapshot.program.known.executors
    if functions in known:
        return known[functions]
    symbol = snapshot.program.variable_at(functions)
    table = layout.TARGET_TABLE.search(symbol)
    if not table or depth > DEEPEST:
        return UNKNOWN
    type_name = _template_argument(symbol, table.end())
    if ANY not in type_name:  # else it depends on what that holds
        known[functions] = name_of(type_name)
        return known[functions]
    return text(snapshot, type_name, target, depth)


def _template_argument(text: str, at: int) -> str:
    """The template arguments of which the < is here, without those with a default.

    >>> _template_argument("strand<io_context>", 6)
    'io_context'
    """
    return text[at + 1 : behind_bracket(text, at) - 1].strip()
