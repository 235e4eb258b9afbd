"""source.py: lines of source code, as they are in their files now."""

from __future__ import annotations

import os
import tempfile

from made_up import ModelTest

from asio_coroutines.source import source_line


class SourceLines(ModelTest):
    """source_line()."""

    def test_a_line_without_the_space_around_it(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "a.cpp")
            with open(path, "w", encoding="utf-8") as file:
                file.write("int main() {\n    return 0;  \n}\n")
            self.assertEqual(source_line(path, 2), "return 0;")
            self.assertEqual(source_line(path, 9), "")
            self.assertEqual(source_line(path, 0), "")

    def test_a_file_that_has_changed_is_read_again(self) -> None:  # B13
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "a.cpp")
            for text in "before", "after the edit":
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
                self.assertEqual(source_line(path, 1), text)

    def test_no_file(self) -> None:
        self.assertEqual(source_line("/no/such/file.cpp", 1), "")
        self.assertEqual(source_line("", 1), "")
