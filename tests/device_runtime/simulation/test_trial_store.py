import pytest

from device_runtime.simulation.held_out import TrialPlan
from device_runtime.simulation.simulator import simulate
from device_runtime.simulation.trial_store import TrialKeys, TrialStore, TrialStoreError
from tests.support.device_runtime.simulation.users import CORPUS, repetitive_user


def test_the_key_depends_on_bundle_plan_and_messages(bundle):
    keys = TrialKeys(bundle.manifest, TrialPlan())
    assert keys.key(repetitive_user("ann")) == TrialKeys(bundle.manifest, TrialPlan()).key(repetitive_user("ann"))
    others = [
        keys.key(repetitive_user("bob")),
        keys.key(repetitive_user("ann", 29)),
        TrialKeys(bundle.manifest, TrialPlan(train_share=0.7)).key(repetitive_user("ann")),
    ]
    other_recipe = bundle.manifest.recipe.model_copy(update={"steps": bundle.manifest.recipe.steps + 1})
    other_manifest = bundle.manifest.model_copy(update={"recipe": other_recipe})
    others.append(TrialKeys(other_manifest, TrialPlan()).key(repetitive_user("ann")))
    assert len({keys.key(repetitive_user("ann")), *others}) == 5


def test_rejects_a_folder_that_another_simulation_uses(bundle, tmp_path):
    with TrialStore(tmp_path), pytest.raises(TrialStoreError, match="another simulation"):
        simulate(bundle, [], corpus=CORPUS, folder=tmp_path)


def test_rejects_a_folder_that_is_a_file(bundle, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TrialStoreError, match="cannot write"):
        simulate(bundle, [], corpus=CORPUS, folder=tmp_path / "file")
