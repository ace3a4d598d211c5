import pytest

from device_runtime.bundle.loader import load_bundle


@pytest.fixture(scope="session")
def bundle(tiny_bundle, tiny_public_key):
    return load_bundle(tiny_bundle, tiny_public_key)
