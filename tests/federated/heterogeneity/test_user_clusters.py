import pytest

from federated.heterogeneity.divergence import split_in_halves
from federated.heterogeneity.user_clusters import CLEAR, clusters
from tests.support.federated.heterogeneity.users import speaker, user_texts


def grouped(*languages):
    """Users that speak these languages."""
    people = {f"u{i}": speaker(language, 60, seed=i) for i, language in enumerate(languages)}
    return clusters(split_in_halves(user_texts(**people), 100, seed=0), seed=0)


@pytest.mark.parametrize("groups", ["aaaaaabbbbbb", "aaaaabbbbbccccc"])
def test_clear_groups_are_found(groups):
    found = grouped(*groups)
    assert found.count == len(set(groups))
    assert found.silhouettes[found.count] == max(found.silhouettes.values()) > CLEAR
    assert len({(group, member) for group, member in zip(groups, found.members, strict=True)}) == found.count


def test_alike_users_are_one_group():
    found = grouped(*"aaaaaaaaaaaaaaa")
    assert (found.count, set(found.members)) == (1, {0})
    assert max(found.silhouettes.values()) < CLEAR / 2


def test_users_who_all_differ_form_no_clusters():
    assert grouped(*"abcdefghijklmno").count == 1


def test_a_single_outlier_is_not_a_cluster():
    assert grouped(*"aaaaaaaaaaaaaab").count == 1


def test_too_few_users_form_one_cluster():
    found = grouped(*"ab")
    assert (found.count, found.silhouettes, found.members) == (1, {}, (0, 0))
    assert clusters((), seed=0).members == ()


def test_identical_texts_form_one_cluster():
    people = {f"u{i}": ["the same words again"] * 60 for i in range(9)}
    assert clusters(split_in_halves(user_texts(**people), 100, seed=0), seed=0).count == 1
