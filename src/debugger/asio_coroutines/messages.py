"""Sentences that both debuggers say."""

NOT_RUNNING = "The program is not being run"
WITHOUT_REGISTERS = (
    "this takes the registers of a live process on x86-64; async-in N, async-in N bt and print of a variable do without"
)
