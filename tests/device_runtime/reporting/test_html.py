import re
from html.parser import HTMLParser

from device_runtime.reporting.html import render, shorten, write_html
from device_runtime.reporting.table import meaning
from device_runtime.simulation.examples import Example, Examples
from device_runtime.simulation.report import (
    FailedUser,
)
from tests.support.device_runtime.simulation.report import make_report, row


class _Page(HTMLParser):
    VOID = ("meta", "path", "use", "rect", "line", "br")

    def __init__(self):
        super().__init__()
        self.open, self.loaded, self.text = [], [], ""

    def handle_starttag(self, tag, attrs):
        self.loaded += [value for name, value in attrs if name in ("src", "href", "xlink:href") and value[0] != "#"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def page_of(report, examples=None):
    page = _Page()
    page.feed(render(report, examples))
    assert page.open == []
    return page


def test_page_loads_nothing():
    page = page_of(make_report())
    assert page.loaded == []
    assert "@import" not in page.text and "url(http" not in page.text


def test_page_has_the_same_sentence_as_the_table():
    report = make_report()
    assert meaning(report) in page_of(report).text


def test_page_shows_the_notice_only_for_synthetic_messages():
    assert "SYNTHETIC" in page_of(make_report(synthetic=True)).text
    assert "SYNTHETIC" not in page_of(make_report()).text


def test_page_escapes_text_of_users():
    nasty = "<script>alert(1)</script>"
    examples = Examples([Example(nasty, [nasty], ["ok"], "ok")], f"chosen {nasty}")
    report = make_report(extra=[row(nasty, 0.1, 0.1)], failed=[FailedUser(user_id=nasty, reason=nasty)])
    assert "<script" not in render(report, examples)
    assert nasty in page_of(report, examples).text


def test_page_marks_the_typed_word_in_examples():
    examples = Examples([Example("see you ", ["at", "in", "on"], ["later", "at", "soon"], "later")], "by a rule")
    html = render(make_report(), examples)
    assert "by a rule" in html
    assert re.findall(r'class="key hit">(\w+)', html) == ["later"]


def test_page_without_examples_has_no_section_for_them():
    assert "before and after" not in page_of(make_report()).text


def test_writes_the_whole_page(tmp_path):
    write_html(tmp_path / "report.html", make_report())
    assert (tmp_path / "report.html").read_text().endswith("</html>")
    assert len(list(tmp_path.iterdir())) == 1


def test_shortens_long_contexts_at_a_word():
    assert shorten("short one ") == "short one "
    cut = shorten("word " * 40)
    assert cut.startswith("… word ") and len(cut) < 70
