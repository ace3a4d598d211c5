import pytest

from federated.corpus.importers.chats.people import People


@pytest.mark.parametrize(
    ("authors", "users"),
    [
        ([("1", "Ann"), ("2", "Bob")], ["Ann", "Bob"]),
        ([("1", "Ann"), ("1", "Annie"), ("1", None)], ["Ann", "Ann", "Ann"]),
        ([("1", "Ann"), ("2", "Ann"), ("1", "Ann"), ("2", "Ann")], ["Ann", "Ann (2)", "Ann", "Ann (2)"]),
        ([(None, "Ann"), ("", " Ann ")], ["Ann", "Ann"]),
        ([("1", None), ("1", "Ann"), (7, "")], ["1", "1", "7"]),
        ([(None, None), ("", " ")], [None, None]),
    ],
)
def test_one_id_is_one_user(authors, users):
    people = People()
    assert [people.user(*author) for author in authors] == users
