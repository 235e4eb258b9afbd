"""The walks of the tests: the statements of the programs in the order in which steps have to visit them."""

SLEEPING = "co_await timer.async_wait(asio::deferred);"  # in sleep_for, and in coroutines.cpp

FETCH_DATA = [
    'trace("Fetching data for id: {}", id);',
    "co_await sleep_for(100ms);",
    'co_return fmt::format("Data_{}", id);',
]

FETCH = "const std::string data = co_await fetch_data(1);"
PHASES_1_AND_2 = [
    'trace("Fetched data: {}", data);',
    'trace("== Phase 2: parallel tasks ==");',
    "std::vector<asio::awaitable<std::uint32_t>> tasks;",
    "for (std::uint32_t id = 1; id <= 3; ++id) tasks.push_back(async_task(id, id == failing_task));",
    "const std::vector<outcome<std::uint32_t>> outcomes = co_await join_tasks(workers, std::move(tasks));",
    "const bool all_succeeded = report(outcomes);",
    'trace("== Phase 3: sequential loop ==");',
]
HEAD_OF_ITEMS = "for (std::uint32_t item = 1; item <= 3; ++item) {"
PROCESS = "co_await process_item(item);"
ROUNDS = [
    HEAD_OF_ITEMS, PROCESS,
    HEAD_OF_ITEMS, PROCESS,
    HEAD_OF_ITEMS, PROCESS,
    HEAD_OF_ITEMS,
    'trace("Async example completed");',
]  # fmt: skip

RESULT = "co_return all_succeeded;"

# After its first line.
ASYNC_MAIN = ['trace("== Phase 1: sequential await ==");', FETCH, *PHASES_1_AND_2, *ROUNDS]

# After its first co_await.
ASYNC_TASK = [
    "co_await sleep_for(delay);",
    'trace("Task {} {}", task_id, fail ? "throwing" : "completed");',
    'if (fail) throw std::runtime_error{"simulated failure"};',
    "co_return task_id * 10;",
]

TRACE = [
    "if (thread_name.empty()) thread_name = fmt::format(\"worker {}\", ++named_workers);",
    "const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - program_start;",
    'std::cout << fmt::format("[{:8.3f} ms] [{:<8}] {}\\n", elapsed.count(), thread_name, text) << std::flush;',
]

# In coroutines.cpp: from "walk: start" on, and where that is awaited.
HEAD_OF_WALK = "for (int round = 0; round < 3; ++round) {"
ROUND_OF_WALK = [
    "timer.expires_after(std::chrono::milliseconds{1 + walker % 3});",
    SLEEPING,
    'steps += co_await net::pause_for(1ms, "step");',
]
WALK = [
    HEAD_OF_WALK, *ROUND_OF_WALK,
    HEAD_OF_WALK, *ROUND_OF_WALK,
    HEAD_OF_WALK, *ROUND_OF_WALK,
    HEAD_OF_WALK,
    "co_return steps;",
]  # fmt: skip
AFTER_WALK = 'std::printf("walker %d: %d steps\\n", walker, steps);'

# From the first line of steps() to where it creates a coroutine.
STEPS = [
    "int sum = 0;",
    'sum = add(co_await net::pause_for(1ms, "steps"), 4);',
    'std::printf("%d\\n", sum);',
    'std::puts("called");',
    "co_await one_line();",
    'std::puts("stepped");',
]
