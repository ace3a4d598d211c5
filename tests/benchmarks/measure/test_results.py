from benchmarks.measure.results import write_between


def test_replaces_the_text_between_the_marks(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("before\n<a>\nold\n<b>\nafter\n")
    assert write_between(path, "<a>", "<b>", "new")
    assert path.read_text() == "before\n<a>\n\nnew\n<b>\nafter\n"
    assert write_between(path, "<a>", "<b>", "new")
    assert path.read_text() == "before\n<a>\n\nnew\n<b>\nafter\n"


def test_a_page_without_marks_is_unchanged(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("by hand\n<a>\n")
    assert not write_between(path, "<a>", "<b>", "new")
    assert path.read_text() == "by hand\n<a>\n"
