"""Public text: which lines are read, what is noted as lost, and what is held out."""

import gzip

import pytest

from federated.base import BaseError
from federated.pretraining.public_text import PublicText, is_held_out


def test_reads_plain_and_compressed_lines_in_all_encodings_that_say_so(tmp_path):
    (tmp_path / "a.txt").write_text("see you\r\n\n  \nкак дела\n")
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b"at home"))
    (tmp_path / "c.txt").write_bytes("wide".encode("utf-16"))
    text = PublicText([tmp_path / name for name in ("a.txt", "b.txt.gz", "c.txt")])
    assert list(text.lines()) == list(text.lines()) == ["see you", "как дела", "at home", "wide"]
    assert text.lost == []


def test_masks_what_a_phone_would_mask(tmp_path):
    (tmp_path / "a.txt").write_text("write to someone@example.com today\n")
    (line,) = PublicText([tmp_path / "a.txt"]).lines()
    assert "example" not in line and line.startswith("write to <#>")


def test_lines_that_are_not_text_and_damaged_files_are_noted(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"good\nb\xffd\nalso good\n")
    whole = gzip.compress(b"line\n" * 50_000, mtime=0)
    (tmp_path / "b.gz").write_bytes(whole[: len(whole) // 2])
    text = PublicText([tmp_path / "a.txt", tmp_path / "b.gz"])
    lines = list(text.lines())
    assert lines[:2] == ["good", "also good"]
    assert text.lost[0] == "a.txt: 1 lines that are not text"
    assert "b.gz: the file is damaged" in text.lost[1]


def test_a_digest_depends_on_the_content_of_all_files_in_order(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("a")
    other.write_text("b")
    digests = {PublicText(files).digest() for files in ([one], [one, other], [other, one])}
    assert len(digests) == 3
    other.write_text("a")
    assert PublicText([one]).digest() == PublicText([other]).digest()


def test_files_that_cannot_be_read_are_errors(tmp_path):
    with pytest.raises(BaseError, match=r"none\.txt"):
        list(PublicText([tmp_path / "none.txt"]).lines())
    with pytest.raises(BaseError, match=r"cannot read .*none\.txt"):
        PublicText([tmp_path / "none.txt"]).digest()
    with pytest.raises(BaseError, match="give one file or more"):
        PublicText([])


def test_holds_out_about_the_share_by_line_and_seed():
    lines = [f"line {number}" for number in range(5000)]
    held_out = {line for line in lines if is_held_out(line, 0.1, seed=1)}
    assert 400 < len(held_out) < 600
    assert held_out != {line for line in lines if is_held_out(line, 0.1, seed=2)}
    assert not any(is_held_out(line, 0.0, seed=1) for line in lines)
