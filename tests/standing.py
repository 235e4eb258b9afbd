"""The coroutines that stand still at the end of coroutines.cpp, as async-tasks has to show them."""

from printed import Node
from walks import SLEEPING


def paused(reason: str) -> tuple[Node, ...]:
    """What waits for an hour, below the coroutine that gave this reason."""
    return (Node("net::pause_for", f"duration=1h, reason='{reason}'", SLEEPING),)


def member(number: int) -> Node:
    """A task that waits."""
    return Node("member", f"number={number}", 'co_await net::pause_for(1h, "member");', paused("member"))


def group(first: int) -> Node:
    """What waits for two of these."""
    waits = "co_await members.async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);"
    return Node("group", f"first={first}", waits, (member(first), member(first + 1)))


STANDING = [  # as async-tasks numbers them
    Node("both", "", "co_await (group(1) && group(3));", (group(1), group(3))),
    Node("member", "number=6", "not started"),
    Node("on_strand", "façade=strand of io_context",
         "co_await asio::co_spawn(façade, member(5), asio::use_awaitable);", (member(5),)),
    Node("shadow", "value=1, numbers=2, numbers=3", 'co_await net::pause_for(1h, "shadow");', paused("shadow")),
]  # fmt: skip


def number_of(function: str) -> int:
    """Its number in the list of what stands still."""
    nodes, names = list(STANDING), []
    while nodes:
        first, *rest = nodes
        names.append(first.function)
        nodes = [*first.below, *rest]
    return names.index(function) + 1
