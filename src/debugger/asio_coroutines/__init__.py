"""Coroutines of Boost.Asio and standalone Asio, for debuggers: what runs, what waits, and who waits for whom.

Only a running coroutine is on a thread's call stack. All others are in memory, each as two objects side by side:

    coroutine frame (made by the compiler)             promise (Asio's awaitable_frame_base)
    +--------------------------------------------+     +---------------------------------------------+
    | address of the function that resumes it    | <-- | coro_             the coroutine frame       |
    | address of the function that destroys it   |     | attached_thread_  not null while it runs    |
    | promise, which lies in here  --------------+---> | caller_           the awaiting promise, up  |
    | arguments, locals, number of its co_await  |     | ...               to the entry point's      |
    +--------------------------------------------+     +---------------------------------------------+

The words used here:

    promise        also the address of it, which stands for its coroutine everywhere
    frame          of a coroutine: see above. A *machine* frame is one of a thread's call stack
    body           the function that resumes a coroutine, in which its statements are; the *ramp* is the function of the
                   same name that creates the coroutine and returns an awaitable
    suspended      it waits at a co_await; the others run, or have not started: these wait at their initial suspension
    awaiting       what a coroutine is while it waits for another: that one's caller_. All up to Asio's entry point are
                   a *chain*, innermost first
    entry point    Asio's own coroutine at the end of a chain. co_spawn makes one for each *task*
    waiter         the coroutine that the completion of a task resumes, as that of a group of tasks
    own            of the program, not of a library

The rooms, in the direction that data flows; each uses only those above it:

    debugger.py    what a debugger lends, and how it may fail
    names.py       the names of functions: as a programmer writes them, and whose they are
    source.py      lines of source code
    location.py    where a variable is, as debuggers say it in words
    machine.py     what is true of one processor only
    compilers.py   what each compiler makes of a coroutine
    layout.py      Asio's structures in memory
    kinds.py       what kind of value a type has
    parts.py       the parts of an object that are of some type
    function.py    a function's code: its statements, its co_awaits, its variables
    program.py     the functions of a program, and a snapshot of its memory
    coroutine.py   one coroutine at one stop
    completion.py  whom a completion handler on a call stack resumes
    heap.py        whether it lives
    executors.py   executors in words
    values.py      what the values of its variables say
    text.py        it and its place in words
    stack.py       a thread's call stack -> its logical stack
    memory.py      where coroutines are
    holders.py     who holds the awaitable of a coroutine that has not started
    tasks.py       all coroutines -> tasks -> a forest
    listing.py     a forest -> numbered lines
    look.py        a look into one coroutine
    requests.py    what a user asks for: the words of the commands
    step.py        where a step begins, and where it may end
    exceptions.py  where an exception comes out of a co_await
    breaks.py      the coroutines that a name means, and where their bodies begin
    messages.py    sentences that both debuggers say
    gdb/, lldb/    each debugger: what it lends, how it shows the model's answers, the commands
"""
