"""parts.py: the parts of an object that are of some type."""

from __future__ import annotations

import re

from made_up import INT, LONG, CppType, MadeUp, ModelTest, pointer, struct

from asio_coroutines import parts
from asio_coroutines.debugger import Member

WANTED = re.compile("thread<")
SKIPPED = re.compile("executor$")
THREAD = struct("thread<int>", bottom=pointer(INT))


class Paths(ModelTest):
    """The parts that search() looks for."""

    def paths(self, type_: CppType, pointers: int = 3) -> list[parts.Path]:
        return parts.search(MadeUp(), [(100, type_)], WANTED, SKIPPED, pointers).wanted

    def test_the_object_itself(self) -> None:
        self.assertEqual(self.paths(THREAD), [(100,)])

    def test_a_member_of_a_member(self) -> None:
        handler = struct("handler", count=INT, inner=struct("inner", a=INT, b=INT, thread=THREAD))
        self.assertEqual(self.paths(handler), [(100 + 8 + 16,)])

    def test_behind_pointers(self) -> None:
        state = struct("state", a=INT, thread=THREAD)
        handler = struct("handler", a=INT, shared=struct("shared_ptr<state>", pointer=pointer(pointer(state))))
        self.assertEqual(self.paths(handler), [(108, 0, 8)])

    def test_no_more_pointers_than_allowed(self) -> None:
        handler = struct("handler", state=pointer(struct("state", thread=THREAD)))
        self.assertEqual(self.paths(handler, pointers=1), [(100, 0)])
        self.assertEqual(self.paths(handler, pointers=0), [])

    def test_the_nearest_is_first(self) -> None:
        handler = struct("handler", far=struct("far", thread=THREAD), near=THREAD)
        self.assertEqual(self.paths(handler), [(108,), (100,)])

    def test_what_is_skipped_is_not_looked_through(self) -> None:
        handler = struct("handler", executor=struct("io::executor<int>", thread=THREAD))
        self.assertEqual(self.paths(handler), [])

    def test_two_lambdas_that_share_a_name_are_both_looked_through(self) -> None:  # B8
        for name in "main::{lambda()#1}", "$_0", "main::<lambda()>", "(unnamed class)", "":
            with self.subTest(name):
                handler = struct("handler", first=struct(name, a=INT), second=struct(name, a=INT, thread=THREAD))
                self.assertEqual(self.paths(handler), [(116,)])

    def test_of_two_types_with_the_same_name_one_is_enough(self) -> None:
        handler = struct("handler", first=struct("pair", a=INT), second=struct("pair", thread=THREAD))
        self.assertEqual(self.paths(handler), [])

    def test_a_type_that_points_to_itself(self) -> None:
        members: list[Member] = []
        node = CppType("node", 16, members)
        members += [Member("next", 0, pointer(node)), Member("thread", 8, THREAD)]
        self.assertEqual(self.paths(node), [(108,)])

    def test_a_lambda_that_points_to_itself(self) -> None:
        members: list[Member] = []
        node = CppType("{lambda()#1}", 16, members)
        members += [Member("a", 0, pointer(node)), Member("b", 8, pointer(node))]
        self.assertEqual(self.paths(node, pointers=1_000), [])


class Unknown(ModelTest):
    """The words of which search() does not know what they are."""

    def unknown(self, type_: CppType) -> list[parts.Path]:
        return parts.search(MadeUp(), [(100, type_)], WANTED, SKIPPED, 3).unknown

    def class_with(self, size: int, *members: Member) -> CppType:
        return CppType("handler", size, members, is_class=True)

    def test_where_all_members_are_known_there_are_none(self) -> None:
        state = struct("state", a=INT, thread=THREAD)
        self.assertEqual(self.unknown(struct("handler", a=LONG, b=INT, state=pointer(state))), [])

    def test_what_no_member_covers(self) -> None:
        handler = self.class_with(48, Member("b", 32, LONG), Member("a", 8, INT))
        self.assertEqual(self.unknown(handler), [(100,), (116,), (124,), (140,)])

    def test_a_class_without_known_members(self) -> None:
        self.assertEqual(self.unknown(self.class_with(16)), [(100,), (108,)])

    def test_less_than_a_word_is_none(self) -> None:
        self.assertEqual(self.unknown(self.class_with(15, Member("a", 0, LONG))), [])
        self.assertEqual(self.unknown(self.class_with(1)), [])

    def test_members_that_overlap(self) -> None:
        large = CppType("char [17]", 17)
        union = self.class_with(32, Member("a", 0, large), Member("b", 8, INT))
        self.assertEqual(self.unknown(union), [(124,)])

    def test_behind_pointers(self) -> None:
        handler = struct("shared_ptr", count=LONG, state=pointer(self.class_with(16, Member("a", 0, LONG))))
        self.assertEqual(self.unknown(handler), [(108, 8)])

    def test_what_is_skipped_has_none(self) -> None:
        executor = CppType("io::executor<int>", 64, is_class=True)
        self.assertEqual(self.unknown(struct("handler", executor=executor)), [])

    def test_no_more_than_can_be_read(self) -> None:
        self.assertEqual(len(self.unknown(self.class_with(1 << 40))), parts.MOST_UNKNOWN)
