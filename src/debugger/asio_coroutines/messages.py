"""Sentences that both debuggers say."""

NOT_RUNNING = "The program is not being run"
