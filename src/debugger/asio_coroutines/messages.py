"""Sentences that both debuggers say."""

NOT_RUNNING = "The program is not being run"
WITHOUT_REGISTERS = (
    "this takes the registers of a live process on x86-64; async-in N, async-in N bt and print of a variable do without"
)
CATCHES = "Stops where an exception comes out of a co_await of the program for the first time."
DOES_NOT_CATCH = "Does not stop at exceptions."
