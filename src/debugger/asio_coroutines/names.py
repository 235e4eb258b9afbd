"""The names of functions: as a programmer writes them, and whose they are. Knows text only."""

from __future__ import annotations

import functools
import re

LIBRARY_NAMESPACES = re.compile(r"(std|__gnu_cxx|__cxxabiv1|boost|asio|boost_asio_\w+|asio_(handler_\w+|\w+_fn))$")
# Functions of these libraries that have no namespace: operator new, __cxa_throw, epoll_wait, Asio's entry of a thread.
LIBRARY_FILES = re.compile(r"/(lib(stdc\+\+|c\+\+|c\+\+abi|gcc_s|(c|m|pthread)(-[\d.]+)?)|ld-[\w-]+)\.[^/]*$")
LIBRARY_FUNCTIONS = re.compile(r"__cxa_|_Unwind_|__gxx_personality|(boost_)?asio_detail_")
THROWING = re.compile(r"__cxa_(re)?throw|_Unwind_|std::rethrow_exception")
ABI = "__cxxabiv1::"  # in the names of __cxa_throw and the like, if their debug information is there

# What compilers add to a name: "f() [clone .actor]", "f() (.resume)", "f.resume", "f[abi:cxx11]".
ADDED = re.compile(r" ?\[clone [^\]]*\]| ?\(\.\w+\)|\[abi:\w+\]|\.(actor|resume|destroy|cleanup)(\.\d+)?$")
LAMBDA = re.compile(r"\{lambda\(|<lambda|\{lambda|\$_\d+|'lambda\d*'")
# A name that the debugger could not demangle, of a function in a namespace or class: _ZN5boost4asio8dispatchI...
MANGLED = re.compile(r"_Z+(?:N[KVRO]*)?(?=St|\d)")
OPERATOR = re.compile(
    r"""operator(?P<symbol>
      \ ?\(\) | \ ?\[\] | \ (new|delete)(\[\])? | \ ?co_await\b | \ ?""\ ?\w+   # a call, an index, words, a literal's
    | <=> | <<=? | >>=? | ->\*? | && | \|\| | \+\+ | -- | [-+*/%^&|~!=<>]=? | ,
    | \ (?P<type>[^(]+)                                                         # a conversion: operator std::string
    )""",
    re.X,
)
# What follows parameters and belongs to the function, not to its name.
QUALIFIERS = re.compile(r"(( const| volatile| noexcept| ?&&?)+(?=$|::))?")
PLAIN_LAMBDA = "{lambda}"  # as plain_name() writes it
CLOSING = {"<": ">", "(": ")", "{": "}"}


@functools.lru_cache(maxsize=10_000)
def plain_name(full_name: str) -> str:
    """The function as its programmer wrote it: scopes and name, without return type, parameters, template arguments.

    >>> plain_name("int net::pause<std::chrono::duration<long> >(std::chrono::duration<long>) [clone .actor]")
    'net::pause'
    >>> plain_name("server::serve() const::{lambda(int)#1}::operator()(int) const")
    'server::serve::{lambda}'
    >>> plain_name("bool server::operator&&<int>(int) const &")
    'server::operator&&'
    """
    if mangled := MANGLED.match(full_name):
        return _plain_mangled_name(full_name, mangled.end())
    text = ADDED.sub("", full_name).replace("(anonymous namespace)::", "")
    plain, at = "", 0
    while at < len(text):
        operator = None if re.search(r"\w$", plain) else OPERATOR.match(text, at)
        if name := LAMBDA.match(text, at):
            plain += PLAIN_LAMBDA
            at = behind_bracket(text, at) if text[at] in CLOSING else name.end()
        elif operator:
            converts_to = (operator["type"] or "").strip()
            symbol = operator[0].replace("operator (", "operator(")
            plain += f"operator {plain_name(converts_to)}" if converts_to else symbol
            at = operator.end()
        elif text[at] in CLOSING:
            at = QUALIFIERS.match(text, behind_bracket(text, at)).end()  # type: ignore[union-attr]  # may be empty
        elif text[at] == " " and text[at + 1 : at + 2] in CLOSING:
            at += 1  # operator< <int>
        elif text[at] == " ":
            plain, at = "", at + 1  # what came before is the type that the function returns
        else:
            plain, at = plain + text[at], at + 1
    return plain.lstrip(":*&").replace(f"{PLAIN_LAMBDA}::operator()", PLAIN_LAMBDA)


def _plain_mangled_name(full_name: str, at: int) -> str:
    """The scopes and the name from this place on, up to template arguments or parameters: 5boost4asio8dispatchI..."""
    parts = []
    if full_name.startswith("St", at):
        parts, at = ["std"], at + 2
    while length := re.compile(r"\d+").match(full_name, at):
        at = length.end() + int(length[0])
        parts.append(full_name[length.end() : at])
    return "::".join(parts)


def behind_bracket(text: str, at: int) -> int:
    """The place after the bracket that closes the one here."""
    opening, closing, depth = text[at], CLOSING[text[at]], 0
    for place in range(at, len(text)):
        if text[place] == opening:
            depth += 1
        elif text[place] == closing and text[place - 1] != "-":
            depth -= 1
            if depth == 0:
                return place + 1
    return len(text)


def is_throwing(full_name: str) -> bool:
    """Whether an exception begins, or goes on, its way up in this function."""
    return THROWING.match(plain_name(full_name).removeprefix(ABI)) is not None


def is_library(full_name: str, shared_library: str = "") -> bool:
    """Whether a function belongs to Asio, the rest of Boost or the standard libraries of C++ and C: its namespace
    tells, or the shared library that has its code. Not the folder that its source is in, which may have any name."""
    name = plain_name(full_name)
    return bool(
        LIBRARY_NAMESPACES.match(name.partition("::")[0])
        or LIBRARY_FUNCTIONS.match(name)
        or LIBRARY_FILES.search(shared_library)
    )
