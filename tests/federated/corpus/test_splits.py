import pytest
from hypothesis import given
from hypothesis import strategies as st

from federated.corpus.schema import CorpusError
from federated.corpus.splits import split_users


@given(st.sets(st.text(min_size=1), max_size=40), st.floats(0, 1), st.floats(0, 1), st.integers(-3, 3), st.randoms())
def test_every_user_gets_one_role_independent_of_order(ids, new_share, validation_share, seed, rng):
    shuffled = list(ids)
    rng.shuffle(shuffled)
    shares = {"new_phone_share": new_share, "validation_share": validation_share, "seed": seed}
    split = split_users(sorted(ids), **shares)
    assert split == split_users(shuffled, **shares)
    assert sorted(split.training + split.validation + split.new_phones) == sorted(ids)


def test_shares_are_exact_and_validation_is_of_the_rest():
    split = split_users([f"u{i}" for i in range(100)])
    assert (len(split.training), len(split.validation), len(split.new_phones)) == (72, 8, 20)


def test_the_seed_decides_and_zero_shares_hold_out_no_users():
    ids = [f"u{i}" for i in range(100)]
    assert split_users(ids, seed=1).new_phones != split_users(ids, seed=2).new_phones
    assert split_users(ids, new_phone_share=0, validation_share=0).training == tuple(sorted(ids))


def test_the_validation_share_does_not_change_the_new_phones():
    ids = [f"u{i}" for i in range(100)]
    assert split_users(ids, validation_share=0.5).new_phones == split_users(ids).new_phones


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_shares_outside_0_to_1_are_refused(share):
    with pytest.raises(CorpusError, match="from 0 to 1"):
        split_users(["a"], new_phone_share=share)
