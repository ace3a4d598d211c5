"""Whatever is in place of a history, a phone opens soon: with what was stored, or anew with the damage moved aside."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from device_runtime.inference.engine import Engine
from device_runtime.phone.damaged_history import damaged_copies
from device_runtime.phone.phone import Phone, PhoneError
from tests.support.device_runtime.damage import PAGE, make_folder, make_pipe, mutated, swap_pages

SECONDS, MEGABYTES = 2.0, 100
MESSAGES = [f"see you at the allotment {'so' * (i % 40)} on day {i}" for i in range(400)]


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> bytes:
    """A history of 15 pages, with a word that was forgotten and one that is blocked."""
    folder = tmp_path_factory.mktemp("intact")
    with Phone.open(folder, engine) as phone:
        phone.observe_many([*MESSAGES, "Zorblatt waits"])
        phone.block(["heck"])
        phone.forget_word("zorblatt")
        phone.incognito = True
    return (folder / "history.sqlite").read_bytes()


@pytest.fixture
def path(tmp_path: Path, intact: bytes) -> Path:
    """The path of an intact history in a phone's folder."""
    (tmp_path / "phone").mkdir()
    path = tmp_path / "phone" / "history.sqlite"
    path.write_bytes(intact)
    return path


def leaves(path: Path) -> list[int]:
    """Returns the pages that hold messages and no pointers; the first page of a file has the number 0."""
    with closing(sqlite3.connect(path)) as db:
        root = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'messages'").fetchone()[0]
    data = path.read_bytes()
    interior = data[(root - 1) * PAGE : root * PAGE]
    assert interior[0] == 5
    cells = [int.from_bytes(interior[12 + 2 * i : 14 + 2 * i]) for i in range(int.from_bytes(interior[3:5]))]
    return [int.from_bytes(interior[cell : cell + 4]) - 1 for cell in cells]


def swap_leaves(path: Path) -> None:
    swap_pages(path, *leaves(path)[1:3])


def repeat_a_leaf(path: Path) -> None:
    data, (one, other, *_) = bytearray(path.read_bytes()), leaves(path)
    data[other * PAGE : (other + 1) * PAGE] = data[one * PAGE : (one + 1) * PAGE]
    path.write_bytes(data)


def make_a_cycle(path: Path) -> None:
    """Makes the root of the messages its own child."""
    with closing(sqlite3.connect(path)) as db:
        root = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'messages'").fetchone()[0]
    data, start = bytearray(path.read_bytes()), (root - 1) * PAGE
    cell = start + int.from_bytes(data[start + 12 : start + 14])
    data[cell : cell + 4] = root.to_bytes(4)
    path.write_bytes(data)


def write_at(position: int, content: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[position : position + len(content)] = content
        path.write_bytes(data)

    return write


def run(*statements: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            for statement in statements:
                db.execute(statement)

    return change


def make_link(path: Path) -> None:
    target = path.with_name("elsewhere")
    path.rename(target)
    path.symlink_to(target)


ENDLESS = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
DAMAGES: dict[str, Callable[[Path], object]] = {
    "leaves swapped": swap_leaves,
    "a leaf twice": repeat_a_leaf,
    "a page that is its own child": make_a_cycle,
    "pages of two tables swapped": lambda path: swap_pages(path, 1, 4),
    "the first page swapped": lambda path: swap_pages(path, 0, 3),
    "cut in a page": lambda path: os.truncate(path, 9 * PAGE + 7),
    "cut between pages": lambda path: os.truncate(path, 9 * PAGE),
    "cut in the header": lambda path: os.truncate(path, 60),
    "one byte": lambda path: path.write_bytes(b"S"),
    "a page of zeros": write_at(5 * PAGE, bytes(PAGE)),
    "only zeros": lambda path: path.write_bytes(bytes(15 * PAGE)),
    "noise": lambda path: path.write_bytes(b"noise" * 1000),
    "another page size": write_at(16, b"\x02\x00"),
    "an unknown version of the format": write_at(18, b"\x07\x07"),
    "another encoding": write_at(59, b"\x02"),
    "a version far ahead": write_at(60, b"\x5a\0\0\x03"),
    "a negative version": write_at(60, b"\xff\xff\xff\xff"),
    "a table is missing": run("DROP TABLE blocked"),
    "a table of somebody else": run("CREATE TABLE other (x)"),
    "a column of somebody else": run("ALTER TABLE messages ADD COLUMN x"),
    "an endless view": run("DROP TABLE blocked", f"CREATE VIEW blocked AS SELECT * FROM ({ENDLESS})"),
    "a trigger": run("CREATE TRIGGER t AFTER INSERT ON messages BEGIN DELETE FROM messages; END"),
    "an index": run("CREATE INDEX i ON messages (text)"),
    "an endless constraint": run(
        "DROP TABLE blocked",
        "CREATE TABLE blocked (word TEXT PRIMARY KEY CHECK (length(hex(zeroblob(99999999))) > 0)) WITHOUT ROWID",
    ),
    "a text of bytes": run("UPDATE messages SET text = x'ff00' WHERE id = 7"),
    "a text that is not UTF-8": run("UPDATE messages SET text = CAST(x'c3c3' AS TEXT) WHERE id = 7"),
    "words that are text": run("UPDATE messages SET words = 'many' WHERE id = 7"),
    "more words than letters": run("UPDATE messages SET words = 9000000000000000000"),
    "a time that is none": run("UPDATE messages SET at = 'noon' WHERE id = 7"),
    "a time that is a number": run("UPDATE messages SET at = x'07' WHERE id = 7"),
    "an endless time": run("UPDATE messages SET typed = 9e999 WHERE id = 7"),
    "an id below 0": run("UPDATE messages SET id = -7 WHERE id = 7"),
    "the largest id": run("UPDATE messages SET id = 9223372036854775807 WHERE id = 7"),
    "the largest id to come": run("UPDATE sqlite_sequence SET seq = 9223372036854775807"),
    "a key that is text": run("UPDATE state SET salt = 'salt'"),
    "no number as strength": run("UPDATE state SET strength = 'much'"),
    "two states": run("CREATE TABLE s AS SELECT * FROM state", "DROP TABLE state", "ALTER TABLE s RENAME TO state"),
    "an entry of another kind": run(
        "INSERT INTO adaptations SELECT 1, 'at', 'c', 'm', 0, 0, 0, NULL, NULL, 0, 0, 0, 1, 'r', 0, 0, 0, 0"
    ),
    "a folder": make_folder,
    "a pipe": make_pipe,
    "a link": make_link,
    "a link to nothing": lambda path: (path.unlink(), path.symlink_to("nothing")),
    "a pipe as write-ahead log": lambda path: os.mkfifo(f"{path}-wal"),
    "a folder as write-ahead log": lambda path: Path(f"{path}-wal").mkdir(),
    "a huge file": lambda path: os.truncate(path, 2**40),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_history_is_moved_aside_and_the_phone_starts_anew(
    path: Path, engine: Engine, damage: Callable[[Path], object]
) -> None:
    damage(path)
    before = path.read_bytes() if path.is_file() and path.lstat().st_size < 2**20 else None
    began = time.process_time()
    with Phone.open(path.parent, engine) as phone:
        (note,) = phone.notes
        (copy,) = damaged_copies(path)
        assert f"it was moved aside to {copy.name}, and the phone starts anew" in note
        assert "\n" not in note
        assert before is None or copy.read_bytes() == before
        assert phone.messages == 0
        phone.incognito = False
        phone.observe("see you soon")
        assert phone.predict("see")
    assert time.process_time() - began < SECONDS
    with Phone.open(path.parent, engine) as phone:
        assert phone.notes == ()
        assert phone.messages == 1


def test_the_note_quotes_no_text_of_the_owner(path: Path, engine: Engine) -> None:
    run("UPDATE messages SET text = CAST('secret' || x'c3c3' AS TEXT) WHERE id = 7")(path)
    with Phone.open(path.parent, engine) as phone:
        assert "damaged: it has a text that is not UTF-8;" in phone.notes[0]


def test_a_history_that_wrongly_claims_an_earlier_version_is_moved_aside(path: Path, engine: Engine) -> None:
    write_at(60, b"\0\0\0\x01")(path)
    with Phone.open(path.parent, engine) as phone:
        assert "damaged: duplicate column" in phone.notes[0]


def test_the_intact_history_of_these_tests_is_kept(path: Path, engine: Engine) -> None:
    run("UPDATE messages SET text = 'damage in a text goes unnoticed' WHERE id = 7")(path)
    with Phone.open(path.parent, engine) as phone:
        assert phone.notes == ()
        assert phone.messages == len(MESSAGES) + 1
        assert phone.incognito


def test_a_phone_that_starts_anew_keeps_its_lists_and_its_incognito_setting(path: Path, engine: Engine) -> None:
    swap_leaves(path)
    with Phone.open(path.parent, engine) as phone:
        assert phone.notes[0].endswith("it kept its lists of forgotten and blocked words and its incognito setting")
        assert phone.incognito
        assert phone.blocked_words() == ["heck"]
        phone.incognito = False
        phone.observe_many(["meet Zorblatt"] * 3)
        assert {word.word for word in phone.learned_words()} == {"meet"}


def test_a_phone_says_that_its_lists_are_lost(path: Path, engine: Engine) -> None:
    path.write_bytes(b"noise" * 1000)
    with Phone.open(path.parent, engine) as phone:
        assert phone.notes[0].endswith("it lost its lists of forgotten and blocked words and its incognito setting")
        assert not phone.incognito


@pytest.mark.parametrize(
    "forget",
    [
        lambda phone: phone.forget_word("allotment"),
        lambda phone: phone.forget_since(datetime(2000, 1, 1, tzinfo=UTC)),
        Phone.forget_all,
    ],
    ids=["a word", "the last hour", "everything"],
)
def test_forgetting_erases_the_damaged_history(path: Path, engine: Engine, forget: Callable[[Phone], object]) -> None:
    swap_leaves(path)
    with Phone.open(path.parent, engine) as phone:
        assert damaged_copies(path)
        forget(phone)
        assert not damaged_copies(path)
        assert not any(b"allotment" in file.read_bytes() for file in path.parent.iterdir())


def test_only_the_newest_damaged_history_stays(path: Path, engine: Engine) -> None:
    for content in (b"first", b"second"):
        path.write_bytes(content * 100)
        Path(f"{path}-wal").write_bytes(content)
        Phone.open(path.parent, engine).close()
    (copy,) = damaged_copies(path)
    assert copy.read_bytes() == b"second" * 100
    assert {file.name for file in path.parent.iterdir()} == {"history.sqlite", copy.name, f"{copy.name}-wal"}


def test_a_crash_while_the_history_is_moved_aside_is_made_good(path: Path, engine: Engine, intact: bytes) -> None:
    path.rename(f"{path}.damaged-20260101T000000000000Z")
    Path(f"{path}-wal").write_bytes(b"of the damaged one")
    with Phone.open(path.parent, engine) as phone:
        assert phone.messages == 0
        assert phone.incognito
        assert phone.blocked_words() == ["heck"]


def test_a_history_that_somebody_locks_is_not_damaged(
    path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device_runtime.phone.database.PATIENCE_SECONDS", 0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA locking_mode=EXCLUSIVE")
        db.execute("BEGIN EXCLUSIVE")
        with pytest.raises(PhoneError, match="locked"):
            Phone.open(path.parent, engine)
    assert not damaged_copies(path)


def test_random_damage_neither_hangs_nor_raises_anything_else(tmp_path: Path, intact: bytes, engine: Engine) -> None:
    folder, ends = tmp_path / "phone", set()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for seed in range(40):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "history.sqlite").write_bytes(mutated(intact, seed))
        began = time.process_time()
        try:
            with Phone.open(folder, engine) as phone:
                ends.add(bool(phone.notes))
                phone.export()
                phone.forget_word("allotment")
                phone.incognito = False
                phone.observe("see you soon")
        except PhoneError:  # a version that looks newer is refused
            pass
        assert time.process_time() - began < SECONDS, seed
    assert ends == {False, True}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < MEGABYTES * 1024
