"""step.py: where a step begins, and where it may end."""

from __future__ import annotations

import dataclasses

from made_up import By, MadeUp, MadeUpCoroutine, ModelTest

from asio_coroutines.debugger import Frame, NoDebugInformation
from asio_coroutines.step import Kind, Reached, Step

SOURCE = """
awaitable<void> pause(int ms) {
    trace(ms);
    co_await timer.async_wait();
    trace(ms);
}
awaitable<void> session(int id) {
    trace(id);
    for (;;) {
        co_await pause(10);
        trace(id);
    }
    try {
        co_await pause(20);
    } catch (const error&) {
        trace(0);
    }
}
void trace(int ms) {
    print(ms);
}
"""


class StepTest(ModelTest):
    """Has the program above, compiled by each compiler in turn."""

    source = SOURCE

    def task(self, made: MadeUp) -> tuple[MadeUpCoroutine, MadeUpCoroutine]:
        """pause, awaited by session in line 9."""
        session, pause = made.coroutine("session", line=9), made.coroutine("pause", line=3)
        made.spawn(session, pause)
        return pause, session

    def at(self, made: MadeUp, coroutine: MadeUpCoroutine, line: int = 0, pc: int = 0) -> list[Frame]:
        """The call stack of a thread that runs this coroutine."""
        return [*made.running(coroutine, line=line, pc=pc), *made.scheduler(), *made.calls("main()")]

    def reached(self, made: MadeUp, step: Step, coroutine: MadeUpCoroutine, line: int = 0, pc: int = 0) -> bool:
        """Whether the step ends where this coroutine comes to the last row of a line, or to an instruction."""
        pc = pc or coroutine.function.pc(line, -1)
        return pc in step.places and step.has_reached(self.at(made, coroutine, pc=pc)) is Reached.END

    def begin(self, made: MadeUp, coroutine: MadeUpCoroutine, line: int) -> Step:
        step = Step.begin(made.model, self.at(made, coroutine, line=line))
        assert step
        return step


class Raising(StepTest):
    """A step from where an exception is raised."""

    def test_it_does_not_end_in_a_co_await_that_the_exception_passes(self) -> None:
        for made in self.programs():
            pause, session = self.task(made)
            frames = [*made.frames_of_library("std::rethrow_exception"), *self.at(made, pause, line=3)]
            step = Step.begin(made.model, frames)
            assert step
            step.go_on(Kind.OVER)
            lines = 7, 9, 10, 13, 14, 15
            ends = {line for line in lines if self.reached(made, step, session, line=line)}
            self.assertNotIn(9, ends)  # where session waits
            self.assertLessEqual({7, 10, 15}, ends)

    def test_a_plain_step_does(self) -> None:
        for made in self.programs():
            pause, session = self.task(made)
            step = self.begin(made, pause, line=4)
            step.go_on(Kind.OVER)
            self.assertTrue(self.reached(made, step, session, line=9))


class Scattered(StepTest):
    """Where GCC's line table has parts of a co_await on other lines."""

    def test_the_end_of_a_loop_is_no_end_of_a_step(self) -> None:
        made = self.programs()[0]
        _, session = self.task(made)
        instructions = session.function.instructions
        at = next(at for at, each in enumerate(instructions) if each.text.startswith("cmpl"))
        jump, following = instructions[at : at + 2]
        back = session.function.pc(10)
        instructions[at] = dataclasses.replace(jump, text=f"jmp    0x{back:x}")
        instructions[at + 1] = dataclasses.replace(following, row=following.pc)
        step = self.begin(made, session, line=10)
        self.assertFalse(step.is_over(self.at(made, session, pc=jump.pc), Kind.OVER))
        self.assertTrue(step.is_over(self.at(made, session, line=9), Kind.OVER))

    def test_all_lines_of_a_co_await_are_one(self) -> None:
        made = self.programs()[0]
        pause, _ = self.task(made)
        instructions = pause.function.instructions
        for at, each in enumerate(instructions):
            if "movw   $0x4" in each.text:
                instructions[at] = dataclasses.replace(each, line=2)
        step = self.begin(made, pause, line=2)  # of a co_await in lines 2 and 3
        self.assertFalse(step.is_over(self.at(made, pause, line=3), Kind.OVER))
        self.assertTrue(step.is_over(self.at(made, pause, line=4), Kind.OVER))


class Beginning(StepTest):
    """Step.begin()."""

    def test_in_a_body(self) -> None:
        for made in self.programs():
            pause, _ = self.task(made)
            step = self.begin(made, pause, line=2)
            self.assertEqual(step.promise, pause.promise)
            self.assertTrue(step.is_inside)

    def test_in_a_function_that_it_calls(self) -> None:
        for made in self.programs():
            pause, _ = self.task(made)
            step = Step.begin(made.model, [*made.calls("trace"), *self.at(made, pause, line=2)])
            assert step
            self.assertEqual(step.promise, pause.promise)
            self.assertFalse(step.is_inside)

    def test_where_the_debuggers_own_step_will_do(self) -> None:
        for made in self.programs():
            pause, _ = self.task(made)
            self.assertIsNone(Step.begin(made.model, []))
            self.assertIsNone(Step.begin(made.model, made.calls("main()")))
            frames = [*made.frames_of_library("std::f"), *self.at(made, pause, line=2)]
            self.assertIsNone(Step.begin(made.model, frames))

    def test_in_a_library_function_that_is_inlined_into_the_body(self) -> None:
        for made in self.programs():
            pause, _ = self.task(made)
            frames = self.at(made, pause, line=2)
            step = Step.begin(made.model, [made.inlined_into(frames[0], "std::f"), *frames])
            self.assertEqual(step and step.promise, pause.promise)

    def test_where_an_exception_is_being_thrown(self) -> None:
        for made in self.programs():
            pause, _ = self.task(made)
            for name in "__cxa_throw", "_Unwind_RaiseException", "std::rethrow_exception":
                frames = [*made.frames_of_library(name), *self.at(made, pause, line=2)]
                self.assertIsNotNone(Step.begin(made.model, frames), name)

    def test_frames_are_asked_for_as_needed(self) -> None:  # B14
        for made in self.programs():
            deep = made.calls("recurse(int)") * 1_000
            made.frames_asked_for = 0
            self.assertIsNone(Step.begin(made.model, made.asked_for([*made.frames_of_library("std::f"), *deep])))
            self.assertLessEqual(made.frames_asked_for, 2)
            pause, _ = self.task(made)
            made.frames_asked_for = 0
            Step.begin(made.model, made.asked_for([*self.at(made, pause, line=2), *deep]))
            self.assertLessEqual(made.frames_asked_for, 5)

    def test_a_body_that_cannot_be_read(self) -> None:
        for made in self.programs():
            pause, _ = self.task(made)
            frames = self.at(made, pause, line=2)
            made.strip("pause")
            with self.assertRaisesRegex(NoDebugInformation, "-O0 -g"):
                Step.begin(made.model, frames)

    def test_an_exception_ends_it_where_it_is_handled(self) -> None:
        for made in self.programs():
            _, session = self.task(made)
            step = self.begin(made, session, line=13)
            self.assertEqual(step.places, set())
            step.prepare(Kind.OVER)
            self.assertTrue(self.reached(made, step, session, pc=made.function("session").pc_of("begin_catch", 14)))
            self.assertEqual(len(step.places), 2)  # the other one is Asio's own, around the whole body


class DebuggersStep(StepTest):
    """Step.is_over(): after the debugger's own step."""

    def test_at_the_next_statement(self) -> None:
        for made in self.programs():
            pause, _ = self.task(made)
            step = self.begin(made, pause, line=2)
            self.assertTrue(step.is_over(self.at(made, pause, line=3), Kind.OVER))

    def test_not_on_the_same_line(self) -> None:
        for made in self.programs():
            _, session = self.task(made)
            step = self.begin(made, session, line=9)
            self.assertFalse(step.is_over(self.at(made, session, line=9), Kind.OVER))

    def test_not_on_the_first_and_the_last_line_of_gccs(self) -> None:
        for made in self.programs():
            pause, _ = self.task(made)
            step = self.begin(made, pause, line=3)
            self.assertFalse(step.is_over(self.at(made, pause, line=1), Kind.OVER))
            self.assertFalse(step.is_over(self.at(made, pause, line=5), Kind.OVER))

    def test_not_in_clangs_prologue(self) -> None:
        made = self.programs()[1]
        pause, _ = self.task(made)
        step = self.begin(made, pause, line=3)
        self.assertFalse(step.is_over(self.at(made, pause, pc=made.function("pause").pc(2, 0)), Kind.OVER))
        self.assertTrue(step.is_over(self.at(made, pause, pc=made.function("pause").pc(2, 1)), Kind.OVER))

    def test_in_the_awaiting_coroutine(self) -> None:
        for made in self.programs():
            pause, session = self.task(made)
            step = self.begin(made, pause, line=4)
            self.assertTrue(step.is_over(self.at(made, session, line=9), Kind.OVER))

    def test_not_in_the_library_below(self) -> None:
        for made in self.programs():
            pause, _ = self.task(made)
            step = self.begin(made, pause, line=3)
            self.assertFalse(step.is_over([*made.scheduler(), *made.calls("main()")], Kind.OVER))
            self.assertFalse(step.is_over(self.at(made, pause, line=3)[1:], Kind.OVER))

    def test_in_a_library_function_that_the_coroutine_calls(self) -> None:
        for made in self.programs():
            pause, _ = self.task(made)
            step = self.begin(made, pause, line=3)
            self.assertTrue(step.is_over([*made.frames_of_library("std::f"), *self.at(made, pause, line=3)], Kind.OVER))

    def test_in_another_function_of_the_program(self) -> None:
        for made in self.programs():
            pause, _ = self.task(made)
            step = self.begin(made, pause, line=3)
            self.assertTrue(step.is_over([*made.calls("handler()"), *made.scheduler()], Kind.OVER))

    def test_in_another_coroutine_that_this_thread_runs_now(self) -> None:
        for made in self.programs():
            pause, _ = self.task(made)
            other, _ = self.task(made)
            step = self.begin(made, pause, line=3)
            self.assertTrue(step.is_over(self.at(made, other, line=4), Kind.OVER))

    def test_where_no_frame_is_left(self) -> None:
        for made in self.programs():
            pause, _ = self.task(made)
            self.assertTrue(self.begin(made, pause, line=3).is_over([], Kind.OVER))

    def test_a_coroutine_that_has_ended(self) -> None:
        made = self.programs()[0]
        pause, _ = self.task(made)
        step = self.begin(made, pause, line=4)
        frames = self.at(made, pause, line=5)
        made.memory.write_words(pause.frame, 0)
        self.assertFalse(step.is_over(frames, Kind.OVER))


    def test_not_in_clangs_wrapper(self) -> None:
        made = self.programs()[1]
        pause, _ = self.task(made)
        step = self.begin(made, pause, line=3)
        for kind in Kind:
            self.assertFalse(step.is_over([*made.wrapper(pause, line=3), *self.at(made, pause, line=3)], kind))

    def test_not_in_the_library_if_it_begins_where_a_coroutine_is_created(self) -> None:
        for made in self.programs():
            made.add_ramp("pause")
            _, session = self.task(made)
            in_library = [*made.frames_of_library("std::f"), *self.at(made, session, line=9)]
            for function, is_over in ("ramp of pause", False), ("trace", True):
                step = Step.begin(made.model, [*made.calls(function), *self.at(made, session, line=9)])
                assert step
                self.assertEqual(step.is_over(in_library, Kind.OVER), is_over)


class Repeated(StepTest):
    """Step.is_repeated(): a breakpoint on a co_await stops again, in Clang's wrapper."""

    def test_in_the_wrapper_of_this_coroutine(self) -> None:
        made = self.programs()[1]
        pause, session = self.task(made)
        step = self.begin(made, pause, line=3)
        self.assertTrue(step.is_repeated([*made.wrapper(pause, line=3), *self.at(made, pause, line=3)]))
        self.assertFalse(step.is_repeated([*made.wrapper(session, line=9), *self.at(made, session, line=9)]))
        self.assertFalse(step.is_repeated(self.at(made, pause, line=3)))
        self.assertFalse(step.is_repeated([]))
        self.assertFalse(step.is_repeated([*made.wrapper(pause, line=3), *made.calls("f"), *self.at(made, pause, 3)]))


class Ends(StepTest):
    """Step.go_on() and has_reached(): where the program stops, when it has run on."""

    def lines(self, made: MadeUp, step: Step, coroutine: MadeUpCoroutine) -> set[int]:
        """The lines of this coroutine that end the step."""
        code = coroutine.function.instructions
        return {each.line for each in code if self.reached(made, step, coroutine, pc=each.pc)}

    def die(self, made: MadeUp, step: Step, coroutine: MadeUpCoroutine) -> None:
        """The function that destroys it is called."""
        frame = made.running(coroutine, pc=coroutine.function.info.start)[0]
        destroy = coroutine.function.info.start + 1
        self.assertIn(destroy, step.places)
        self.assertIs(step.has_reached([Frame(frame.handle, frame.name, destroy, 0, 0, "")]), Reached.NOTHING)

    def test_all_other_lines_of_the_coroutine_and_of_those_that_await_it(self) -> None:
        for made in self.programs():
            pause, session = self.task(made)
            step = self.begin(made, pause, line=3)
            step.go_on(Kind.OVER)
            self.assertEqual(self.lines(made, step, pause), {2, 3, 4})
            self.assertEqual(self.lines(made, step, session), {7, 8, 9, 10, 13, 14, 15})

    def test_of_the_same_line_only_its_beginning_which_a_loop_reaches_again(self) -> None:
        for made in self.programs():
            _, session = self.task(made)
            step = self.begin(made, session, line=9)
            step.go_on(Kind.OVER)
            statements = made.read_coroutine(session).function.statements
            after_prologue = [pc for pc, line in statements.items() if line == 9]
            self.assertGreater(len(after_prologue), 1)
            reached = [self.reached(made, step, session, pc=pc) for pc in after_prologue]
            self.assertEqual(reached, [True] + [False] * (len(reached) - 1))

    def test_not_in_gccs_first_and_last_line_nor_in_clangs_prologue(self) -> None:
        for made in self.programs():
            pause, _ = self.task(made)
            step = self.begin(made, pause, line=3)
            step.go_on(Kind.OVER)
            self.assertNotIn(made.function("pause").pc(1), step.places)
            self.assertNotIn(made.function("pause").pc(5), step.places)
        self.assertNotIn(made.function("pause").pc(2, 0), step.places)
        self.assertIn(made.function("pause").pc(2, 1), step.places)

    def test_only_for_this_instance(self) -> None:
        for made in self.programs():
            pause, session = self.task(made)
            other, _ = self.task(made)
            step = self.begin(made, pause, line=3)
            step.go_on(Kind.OVER)
            self.assertTrue(self.reached(made, step, pause, line=4))
            self.assertFalse(self.reached(made, step, other, line=4))
            self.assertTrue(self.reached(made, step, session, line=10))

    def test_in_a_recursion_each_instance_has_its_place(self) -> None:
        text = """
        awaitable<void> walk(int depth) {
            trace(depth);
            co_await walk(1);
            trace(depth);
        }
        """
        for by in By:
            made = MadeUp(by)
            made.compile(text)
            outer, inner = made.coroutine("walk", line=3), made.coroutine("walk", line=3)
            deeper = made.coroutine("walk", line=3)
            made.spawn(outer, inner, deeper)
            step = self.begin(made, inner, line=3)
            step.go_on(Kind.OVER)
            self.assertTrue(self.reached(made, step, inner, line=4))
            self.assertTrue(self.reached(made, step, outer, line=4))
            self.assertFalse(self.reached(made, step, deeper, line=4))

    def test_another_instance_at_the_same_address_after_its_death(self) -> None:
        for made in self.programs():
            pause, session = self.task(made)
            step = self.begin(made, pause, line=3)
            step.go_on(Kind.OVER)
            self.die(made, step, pause)
            self.assertFalse(self.reached(made, step, pause, line=4))
            self.assertTrue(self.reached(made, step, session, line=10))

    def test_the_death_of_another_instance_changes_nothing(self) -> None:
        for made in self.programs():
            pause, _ = self.task(made)
            other, _ = self.task(made)
            step = self.begin(made, pause, line=3)
            step.go_on(Kind.OVER)
            self.die(made, step, other)
            self.assertTrue(self.reached(made, step, pause, line=4))

    def test_an_exception_in_what_is_awaited_ends_it_where_it_is_handled(self) -> None:
        for made in self.programs():
            pause, session = self.task(made)
            made.wait_at(session, line=13)
            step = self.begin(made, pause, line=4)
            step.go_on(Kind.OVER)
            self.assertIn(14, self.lines(made, step, session))
            self.assertTrue(self.reached(made, step, session, line=14))

    def test_who_waits_for_the_task_ends_it_too(self) -> None:
        for made in self.programs():
            joining = made.coroutine("session", line=9)
            pause = made.coroutine("pause", line=3)
            made.spawn(pause, waiter=made.spawn(joining))
            step = self.begin(made, pause, line=4)
            step.go_on(Kind.OVER)
            self.assertTrue(self.reached(made, step, joining, line=10))

    def test_an_argument_that_is_named_as_the_other_compilers_frame_parameter(self) -> None:  # B6
        for by, name in (By.GCC, "__coro_frame"), (By.CLANG, "frame_ptr"):
            made = MadeUp(by)
            made.compile(f"""
            awaitable<void> session(long {name}) {{
                trace(1);
                co_await pause();
                trace(2);
            }}
            """)
            session, other = (made.coroutine("session", line=3) for _ in range(2))
            made.memory.write_words(other.address_of(name), session.frame)
            step = self.begin(made, session, line=3)
            step.go_on(Kind.OVER)
            self.assertTrue(self.reached(made, step, session, line=4))
            self.assertFalse(self.reached(made, step, other, line=4))

    def test_a_coroutine_of_asios_own_in_between_is_no_end(self) -> None:
        own = "boost::asio::experimental::awaitable_operators::operator&&"
        text = f"awaitable<void> {own}(int x) {{\n    trace(x);\n    co_await group();\n    trace(x);\n}}\n"
        for made in self.programs():
            made.compile(text)
            pause, between, session = (
                made.coroutine("pause", line=3), made.coroutine(own, line=3), made.coroutine("session", line=9)
            )  # fmt: skip
            made.spawn(session, between, pause)
            step = self.begin(made, pause, line=3)
            step.go_on(Kind.OVER)
            self.assertEqual(self.lines(made, step, between), set())
            self.assertTrue(self.lines(made, step, session))


class IntoAndOut(StepTest):
    """Steps into and out of what is awaited or called."""

    def push(self, made: MadeUp, step: Step, awaited: MadeUpCoroutine, caller: MadeUpCoroutine) -> Reached:
        """What Asio's push_frame, where one coroutine begins to await another, is for the step."""
        frame = made.pushing(awaited, caller)
        self.assertIn(frame.pc, step.places)
        return step.has_reached([frame])

    def test_into_what_is_awaited(self) -> None:
        for made in self.programs():
            session, pause = made.coroutine("session", line=9), made.coroutine("pause")
            made.spawn(session)
            step = self.begin(made, session, line=9)
            step.prepare(Kind.INTO)
            self.assertIs(self.push(made, step, pause, session), Reached.AWAITED)
            step.go_on(Kind.INTO)
            self.assertTrue(self.reached(made, step, pause, line=2))
            self.assertFalse(self.reached(made, step, made.coroutine("pause"), line=2))
            self.assertTrue(self.reached(made, step, session, line=10))  # should what is awaited end at once

    def test_not_into_what_another_coroutine_awaits_in_the_memory_of_one_that_has_ended(self) -> None:
        for made in self.programs():
            session = made.coroutine("session", line=9)
            made.spawn(session)
            step = self.begin(made, session, line=9)
            step.prepare(Kind.INTO)
            frame, destroy = made.running(session, pc=session.function.info.start)[0], session.function.info.start + 1
            self.assertIn(destroy, step.places)
            step.has_reached([Frame(frame.handle, frame.name, destroy, 0, 0, "")])
            self.assertIs(self.push(made, step, made.coroutine("pause"), session), Reached.NOTHING)

    def test_not_into_what_others_await(self) -> None:
        for made in self.programs():
            session, other = made.coroutine("session", line=9), made.coroutine("session", line=9)
            made.spawn(session)
            step = self.begin(made, session, line=9)
            step.prepare(Kind.INTO)
            self.assertIs(self.push(made, step, made.coroutine("pause"), other), Reached.NOTHING)

    def test_through_asios_own(self) -> None:
        own = "boost::asio::experimental::awaitable_operators::operator&&"
        for made in self.programs():
            made.compile(f"awaitable<void> {own}(int x) {{\n    trace(x);\n    co_await group();\n}}\n")
            session, between, pause = made.coroutine("session", line=9), made.coroutine(own), made.coroutine("pause")
            made.spawn(session)
            step = self.begin(made, session, line=9)
            step.prepare(Kind.INTO)
            self.assertIs(self.push(made, step, between, session), Reached.NOTHING)
            self.assertIs(self.push(made, step, pause, between), Reached.AWAITED)

    def test_into_a_function_that_the_line_calls(self) -> None:
        for made in self.programs():
            _, session = self.task(made)
            step = self.begin(made, session, line=10)
            step.go_on(Kind.INTO)
            first_statement = made.function("trace").pc(19)
            self.assertIn(first_statement, step.places)
            trace = made.calls("trace", line=19)
            self.assertIs(step.has_reached([*trace, *self.at(made, session, line=10)]), Reached.END)
            other = made.coroutine("session", line=9)
            self.assertIs(step.has_reached([*trace, *self.at(made, other, line=10)]), Reached.NOTHING)
            self.assertIs(step.has_reached([*trace, *made.calls("main()")]), Reached.NOTHING)

    def test_not_into_the_code_that_creates_a_coroutine(self) -> None:
        for made in self.programs():
            ramp = made.add_ramp("pause")
            _, session = self.task(made)
            step = self.begin(made, session, line=9)
            step.go_on(Kind.INTO)
            self.assertNotIn(ramp.pc(2), step.places)
            frames = [*made.calls("ramp of pause", line=2), *self.at(made, session, line=9)]
            self.assertFalse(step.is_over(frames, Kind.INTO))
            self.assertTrue(step.is_over([*made.calls("trace"), *self.at(made, session, line=9)], Kind.INTO))

    def test_not_into_the_library(self) -> None:
        for made in self.programs():
            pause, _ = self.task(made)
            step = self.begin(made, pause, line=3)
            frames = [*made.frames_of_library("std::f"), *self.at(made, pause, line=3)]
            self.assertFalse(step.is_over(frames, Kind.INTO))

    def test_out_to_the_awaiting_coroutine(self) -> None:
        for made in self.programs():
            pause, session = self.task(made)
            step = self.begin(made, pause, line=2)
            step.prepare(Kind.OUT)
            step.go_on(Kind.OUT)
            self.assertFalse(self.reached(made, step, pause, line=4))
            self.assertTrue(self.reached(made, step, session, line=10))

    def test_out_of_a_coroutine_ends_in_no_library_function(self) -> None:
        for made in self.programs():
            pause, session = self.task(made)
            step = self.begin(made, pause, line=2)
            self.assertFalse(step.is_over(made.scheduler(), Kind.OUT))
            self.assertTrue(step.is_over(self.at(made, session, line=9), Kind.OUT))

    def test_out_of_a_function_that_it_calls_is_the_debuggers_own(self) -> None:
        for made in self.programs():
            pause, _ = self.task(made)
            step = Step.begin(made.model, [*made.calls("trace"), *self.at(made, pause, line=2)])
            assert step
            step.prepare(Kind.OUT)
            self.assertEqual(len(step.places), 0)
            self.assertTrue(step.is_over(self.at(made, pause, line=2), Kind.OUT))
            in_library = [*made.frames_of_library("std::invoke"), *self.at(made, pause, line=2)]
            self.assertTrue(step.is_over(in_library, Kind.OUT))
