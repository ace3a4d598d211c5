import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federated.corpus.importers.import_source import SkipCount
from federated.corpus.importers.inputs import json_document
from federated.corpus.importers.inputs.json_document import BROKEN_JSON, ITEM, is_document, places, values
from federated.corpus.importers.inputs.source import Source

SCALARS = st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text("ab"), inner), max_leaves=10)


def read(path, text, wanted):
    path.write_text(text, encoding="utf-8")
    skipped = SkipCount()
    return list(values(Source(path), wanted, skipped)), skipped.counts


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("json") / "a.json"


@settings(max_examples=60)
@given(content=JSON, indent=st.sampled_from([None, 1]), chunk=st.integers(1, 9))
def test_reads_what_json_reads_at_any_chunk_size(path, content, indent, chunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_document, "_CHUNK", chunk)
        text = json.dumps({"a": content}, indent=indent, ensure_ascii=False)
        assert read(path, text, lambda place: place == ("a",)) == ([(("a",), content)], {})


def test_yields_the_items_of_an_array_and_the_scalars_beside_it(path):
    found, _ = read(
        path, '{"name": "x", "list": [{"a": 1}, {"a": 2}], "n": -1.5e3}', lambda place: place[-1:] == (ITEM,)
    )
    assert found == [(("name",), "x"), (("list", ITEM), {"a": 1}), (("list", ITEM), {"a": 2}), (("n",), -1500.0)]


@pytest.mark.parametrize(
    "end", ["", ",", ',{"a": "cut', ',{"a" 4}]', ",}", "]", ",1 2]", ',"\\x"]', "," + "[" * 100_000]
)
def test_yields_what_comes_before_a_broken_end(path, end):
    found, counts = read(path, '{"list": [1, 2' + end, lambda place: place == ("list", ITEM))
    assert [value for _, value in found][:2] == [1, 2]
    assert counts == {BROKEN_JSON: 1}


def test_keeps_control_characters_in_texts(path):
    assert read(path, '["a\0b\x0b"]', lambda place: False) == ([((ITEM,), "a\0b\x0b")], {})


def test_a_value_that_is_too_large_ends_the_document(path, monkeypatch):
    monkeypatch.setattr(json_document, "_LARGEST_VALUE", 100)
    monkeypatch.setattr(json_document, "_CHUNK", 10)
    assert read(path, json.dumps([1, "x" * 1000]), lambda place: False) == ([((ITEM,), 1)], {BROKEN_JSON: 1})


def test_places_of_a_beginning_are_those_of_its_whole_values():
    assert places('{"a": 1, "b": [{"c": 2}, {"d": "cu') == {("a",), ("b", ITEM, "c")}
    assert places("Ann: hi") == places("{") == places("") == frozenset()


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ('{"user_id": "a"}\n{"user_id": "b"}', False),
        ('{"user_id": "a"}', False),
        ('{"user_id": "a", "tex\n{"user_id": "b"}', False),
        ('{"entities": [1]}\n{"entities": [2]}', False),
        ('{"a": {"b": 1}}', True),
        ('{\n "a": 1\n}', True),
        ('{"a": [{"b": 1}, {"b": "cut', True),
        ('[\n {"a": 1}\n]', True),
        ("[24.12.22, 18:05:33] Ann: hi", False),
        ("", False),
    ],
)
def test_tells_a_document_from_lines(head, expected):
    assert is_document(head) is expected
