"""requests.py: the words that commands take."""

from __future__ import annotations

from made_up import ModelTest

from asio_coroutines.debugger import UserMistake
from asio_coroutines.requests import Look, Numbers, allowed, look, on_or_off, tasks_request, thread_number

LOOKS = {"print": "p", "info": "i", "x": "x", "backtrace": "bac", "bt": "bt"}


class Words(ModelTest):
    """What follows a command."""

    def test_on_or_off(self) -> None:
        self.assertTrue(on_or_off(" on ", "async-step"))
        self.assertFalse(on_or_off("off", "async-step"))
        for words in "", "1", "on off", "ON":
            with self.subTest(words), self.assertRaisesRegex(UserMistake, "async-step takes on or off"):
                on_or_off(words, "async-step")

    def test_which_tasks(self) -> None:
        self.assertEqual(tasks_request("").pattern, None)
        self.assertFalse(tasks_request("").everything)
        self.assertTrue(tasks_request(" -all ").everything)
        request = tasks_request("-all id=7")
        self.assertTrue(request.everything and request.pattern and request.pattern.search("session(id=7)"))
        request = tasks_request("a b")
        self.assertTrue(request.pattern and request.pattern.search("a b"))

    def test_wrong_options(self) -> None:
        for words in "-al", "-allx", "--all", "-h word":
            with self.subTest(words), self.assertRaisesRegex(UserMistake, f"no option {words.split()[0]}: .*-all"):
                tasks_request(words)

    def test_no_regular_expression(self) -> None:
        with self.assertRaisesRegex(UserMistake, r"session\( is no regular expression"):
            tasks_request("session(")

    def test_a_look_into_a_coroutine(self) -> None:
        self.assertEqual(look("3 print x + 1 "), Look(3, "print x + 1"))
        self.assertEqual(look(" 12 "), Look(12, ""))

    def test_a_look_without_a_number(self) -> None:
        for words in "", "print x", "-1 print x", "x3 print", "3print x":
            with self.subTest(words), self.assertRaisesRegex(UserMistake, "takes a number of async-tasks"):
                look(words)

    def test_a_thread(self) -> None:
        self.assertIsNone(thread_number(" ", "async-next"))
        self.assertEqual(thread_number(" 12 ", "async-next"), 12)
        for words in "x", "1 2", "-1", "1.5":
            with self.subTest(words), self.assertRaisesRegex(UserMistake, "async-next takes nothing, or the number"):
                thread_number(words, "async-next")

    def test_digits_of_other_scripts_are_no_number(self) -> None:
        with self.assertRaises(UserMistake):
            look("\u00b2 print x")


class Allowed(ModelTest):
    """allowed(): only commands that look."""

    def test_names_and_abbreviations(self) -> None:
        for command, name in {
            "print x": "print", "p x": "print", "p/x x": "print", "pri x": "print", "info locals": "info",
            "x/4x $sp": "x", "bt": "bt", "backt": "backtrace", "  p x": "print",
        }.items():  # fmt: skip
            with self.subTest(command):
                self.assertEqual(allowed(command, LOOKS), name)

    def test_everything_else_is_not(self) -> None:  # B10
        for command in (
            "", "next", "n", "with print pretty on -- next", "pipe next | cat", 'eval "next"', "python x", "printx x",
            "b 3", "ba", "call f()", "print-object x", "!p", "| p",
        ):  # fmt: skip
            with self.subTest(command):
                self.assertIsNone(allowed(command, LOOKS))


    def test_some_only_alone(self) -> None:
        looks = {"frame": "f", "print": "p"}
        for command, name in {"frame": "frame", " f ": "frame", "print x": "print"}.items():
            with self.subTest(command):
                self.assertEqual(allowed(command, looks, alone=["frame"]), name)
        for command in "frame apply 1 stepi", "f 1", "frame/s", "fr\tfunction main":
            with self.subTest(command):
                self.assertIsNone(allowed(command, looks, alone=["frame"]))


class NumbersOfTasks(ModelTest):
    """Numbers."""

    def test_from_one_on(self) -> None:
        numbers = Numbers()
        numbers.give([0x10, 0x20], stop=1)
        self.assertEqual((numbers.promise(1, 1), numbers.promise(2, 1)), (0x10, 0x20))
        for number in 0, 3, -1:
            with self.subTest(number), self.assertRaisesRegex(UserMistake, f"no number {number} at this stop"):
                numbers.promise(number, 1)

    def test_before_any(self) -> None:
        with self.assertRaises(UserMistake):
            Numbers().promise(1, None)

    def test_they_belong_to_one_stop_of_one_inferior(self) -> None:  # B12
        numbers = Numbers()
        numbers.give([0x10], stop=(1, 7))
        for stop in (1, 8), (2, 7):
            with self.subTest(stop), self.assertRaises(UserMistake):
                numbers.promise(1, stop)
        self.assertEqual(numbers.promise(1, (1, 7)), 0x10)

    def test_a_new_list_takes_the_place_of_the_old_one(self) -> None:
        numbers = Numbers()
        numbers.give([0x10, 0x20], stop=1)
        numbers.give([0x30], stop=1)
        self.assertEqual(numbers.promise(1, 1), 0x30)
        with self.assertRaises(UserMistake):
            numbers.promise(2, 1)
