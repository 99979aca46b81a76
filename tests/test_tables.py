"""Texts for people."""

import pytest

from srzoo.tables import duration, markdown_table


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a|b", r"a\|b"),
        ("# head\n## line", r"# head\n## line"),
        ("\x1b[31mred", r"\x1b\[31mred"),
        ("<script>", "&lt;script>"),
        ("< 0.0001", "< 0.0001"),
        ("![](http://example.com/a.png)", r"!\[](http://example.com/a.png)"),
        ("Ünal Ørsted 你", "Ünal Ørsted 你"),
        ("caf\udce9", r"caf\udce9"),
    ],
)
def test_names_stay_in_their_cell_and_do_nothing(name, shown):
    assert markdown_table(["rater", "mean"], [[name, "1.00"]]).splitlines()[2].split(" |")[0].rstrip() == f"| {shown}"


def test_durations_are_told_in_words():
    assert list(map(duration, (3.2, 240, 9000))) == ["4 s", "4.0 minutes", "2.5 hours"]
