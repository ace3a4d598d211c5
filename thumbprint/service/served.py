"""What a service runs, and whether it lets a simulation do its work: asked before anything is written."""

from __future__ import annotations

import secrets

from api.client import Client, ServiceError
from device_runtime.bundle import BundleError, read_manifest
from device_runtime.manifest import Manifest


def served_manifest(client: Client, url: str) -> Manifest:
    """Returns the manifest of the bundle that the service's devices run.

    Raises:
        ServiceError: there is no service at `url`, it refuses the key, or its bundle is none that is known here.
    """
    try:
        bundles = client.bundles()
        if not bundles:
            raise ServiceError(f"{url} serves no bundle")
        return read_manifest(client.manifest(bundles[0].model_id))
    except BundleError as error:
        raise ServiceError(f"the bundle that {url} serves is unknown here: {error}") from error
    except ServiceError as error:
        if error.status != 401:
            raise
        raise ServiceError(f"{error}: give {url} one with --api-key or THUMBPRINT_API_KEY", 401) from error


def check_deletion(client: Client) -> None:
    """Raises ServiceError unless the key may delete devices."""
    try:
        client.delete_device(f"sim-{secrets.token_hex(12)}")
    except ServiceError as error:
        if error.status == 403:
            raise ServiceError(
                f"the simulation deletes its devices: {error} (`thumbprint access create NAME --scope admin` makes "
                "one; --keep-devices leaves the devices)",
                403,
            ) from error
        if error.status != 404:  # there is no such device, as it should be
            raise
