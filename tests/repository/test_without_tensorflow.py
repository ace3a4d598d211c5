"""A phone and its service without TensorFlow: everything of `device_runtime` and `api` with its import blocked."""

import importlib
import pkgutil
import subprocess
import sys
import textwrap

import pytest

BLOCKED = ("tensorflow", "tensorflow_federated", "jax", "jaxlib", "keras")

BLOCKER = f"""
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {BLOCKED!r}:
            raise ModuleNotFoundError(f"{{name}} is not installed here", name=name)

sys.meta_path.insert(0, Blocked())
"""

PHONE = """
from pathlib import Path
from device_runtime.bundle.loader import load_bundle
from device_runtime.inference.engine import Engine
from device_runtime.phone.phone import Phone

bundle, key, folder = map(Path, sys.argv[1:])
engine = Engine(load_bundle(bundle, key))
with Phone.open(folder / "phone", engine) as phone:
    phone.observe_many([("see you at home", None), ("ok see you", None)] * 20)
    adapted = phone.adapt()
    suggestions = phone.predict("see", k=3)
assert adapted.steps == engine.bundle.manifest.recipe.steps > 0, adapted.verdict
assert suggestions[0].word == "you", suggestions
print("adapted and predicted")
"""

SIMULATION = """
from pathlib import Path
from device_runtime.bundle.loader import load_bundle
from device_runtime.simulation.report import CorpusInfo
from device_runtime.simulation.held_out import SimulatedUser
from device_runtime.simulation.simulator import simulate

if __name__ == "__main__":
    bundle, key, folder = map(Path, sys.argv[1:])
    users = [SimulatedUser(name, [(None, f"see you at {name}")] * 25) for name in ("home", "work")]
    report = simulate(
        load_bundle(bundle, key), users, corpus=CorpusInfo(id="0" * 64, description="two", synthetic=True), workers=1
    )
    assert len(report.clients) == 2, report
    assert report.personal.recall_at_3.mean > 0.5, report.personal
    print("simulated")
"""

SERVICE = """
from pathlib import Path
from fastapi.testclient import TestClient
from api.app import create_app

bundle, key, folder = map(Path, sys.argv[1:])
app = create_app(bundle, key, folder / "service", insecure=True)
with TestClient(app, base_url="http://127.0.0.1") as client:
    assert client.get("/healthz").json()["status"] == "ok"
    device = "/v1/devices/" + client.post("/v1/devices").json()["device_id"]
    sent = client.post(device + "/messages", json={"messages": [{"text": "see you at home"}] * 20})
    assert sent.is_success, sent.text
    predicted = client.post(device + "/predictions", json={"context": "see"})
    assert "you" in predicted.text and predicted.is_success, predicted.text
print("served")
"""


def run(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", BLOCKER + textwrap.dedent(program), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ("program", "says"),
    [(PHONE, "adapted and predicted"), (SIMULATION, "simulated"), (SERVICE, "served")],
    ids=["phone", "simulation", "service"],
)
def test_phone_simulation_and_service_run_without_training_packages(
    program, says, tiny_bundle, tiny_public_key, tmp_path
):
    done = run(program, tiny_bundle, tiny_public_key, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == says


def test_every_phone_and_service_module_imports_without_training_packages():
    names = [
        module.name
        for package in ("device_runtime", "api")
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}.")
        if not module.name.endswith("__main__")
    ]
    assert len(names) > 30
    done = run(f"import importlib\nfor name in {names!r}: importlib.import_module(name)\nprint('imported')")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "imported"


@pytest.mark.parametrize(
    "module", ["tensorflow", "jax", "federated.training.train_run", "keyboard_model.model.cifg_lstm"]
)
def test_a_blocked_package_cannot_be_imported(module):
    done = run(f"import {module}")
    assert done.returncode == 1
    assert "is not installed here" in done.stderr
