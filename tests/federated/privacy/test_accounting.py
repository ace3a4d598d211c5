"""ε, δ and μ, against other accountants and published numbers."""

import itertools

import dp_accounting
import pytest

from federated.privacy.accounting import delta_of, epsilon_of, mu_of


@pytest.mark.parametrize(("mu", "delta"), list(itertools.product((0.05, 0.5, 1.0, 3.0, 10.0), (1e-10, 1e-5, 1e-2))))
def test_epsilon_is_that_of_the_privacy_loss_distribution_and_below_that_of_renyi(mu, delta):
    event = dp_accounting.GaussianDpEvent(1 / mu)
    loss = dp_accounting.pld.PLDAccountant().compose(event).get_epsilon(delta)
    renyi = dp_accounting.rdp.RdpAccountant().compose(event).get_epsilon(delta)
    assert epsilon_of(mu, delta) == pytest.approx(loss, rel=1e-3, abs=2e-4)
    assert epsilon_of(mu, delta) <= renyi + 1e-9


@pytest.mark.parametrize(("epsilon", "delta"), list(itertools.product((0.1, 1.0, 8.0, 100.0), (1e-12, 1e-5))))
def test_mu_spends_the_whole_budget(epsilon, delta):
    mu = mu_of(epsilon, delta)
    assert epsilon_of(mu, delta) == pytest.approx(epsilon)
    assert delta_of(mu, epsilon) == pytest.approx(delta)


def test_two_mechanisms_cost_the_root_of_the_sum_of_squares():
    both = dp_accounting.pld.PLDAccountant()
    for mu in (0.6, 0.8):
        both.compose(dp_accounting.GaussianDpEvent(1 / mu))
    assert epsilon_of(1.0, 1e-5) == pytest.approx(both.get_epsilon(1e-5), rel=1e-3)


def test_what_hides_everything_costs_nothing():
    assert epsilon_of(0.0, 1e-5) == 0.0 and delta_of(0.0, 0.0) == 0.0


def test_the_published_guarantee_of_a_keyboard_is_reproduced():
    """Gboard's first private model: ρ = 0.81, published as ε = 8.9 at δ = 1e-10 by Rényi accounting."""
    mu, delta = (2 * 0.81) ** 0.5, 1e-10
    renyi = dp_accounting.rdp.RdpAccountant().compose(dp_accounting.GaussianDpEvent(1 / mu)).get_epsilon(delta)
    assert renyi == pytest.approx(8.9, abs=0.05)
    assert 8.4 < epsilon_of(mu, delta) < renyi, "the exact accounting is tighter"
