"""A device of a service for each of a corpus's users; what comes of it is what phones of this process give.

What a service runs, and whether it lets a simulation do its work: asked before anything is written.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from api.client import Client, ServiceError
from device_runtime.bundle.files import BundleError
from device_runtime.bundle.loader import read_manifest
from device_runtime.manifest import Manifest
from device_runtime.simulation.held_out import WHOLE
from device_runtime.simulation.report import Report
from device_runtime.simulation.simulator import aggregate
from device_runtime.simulation.trial_queue import SimulationError, TrialQueue
from device_runtime.simulation.trial_store import TrialKeys, TrialStore
from federated.corpus.store import Corpus
from thumbprint.pipeline.simulate import Progress, corpus_info, simulated_users, write_results
from thumbprint.remote_simulation.device_ledger import DeviceLedger
from thumbprint.remote_simulation.remote_device import BundleChangedError, Cancellation
from thumbprint.remote_simulation.worker_pool import DevicePool, RemoteWorkerPool


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


_TIMEOUT = 120.0  # seconds for an answer: a busy service gives it late, and a simulation has time
_TRIES = 600  # of a request while the service is busy: 10 minutes, at the second that it asks to wait


@dataclass(frozen=True)
class Where:
    """A running service. `key`: None where it asks for none; `keep`: leave the devices there."""

    url: str
    key: str | None
    keep: bool


def simulate_service(
    where: Where,
    corpus: Corpus,
    user_ids: Iterable[str],
    out: Path,
    min_messages: int,
    workers: int,
    progress: Progress | None = None,
    warn: Callable[[str], None] = lambda line: None,
) -> Report:
    """Runs the trials of these users and writes the result files of a local simulation into `out`.

    Results of finished users stay in `out` when the simulation fails. The simulation deletes its devices even when it
    fails or is interrupted. Devices that it could not delete are listed in `devices.jsonl` in `out`; the next
    simulation into `out` deletes them first.

    Args:
        workers: Devices at a time.
        progress: Called with each user's id as the trial ends.
        warn: Called with a line about devices that an earlier simulation may have left at another service.

    Raises:
        ServiceError: there is no such service, or it refuses.
        SimulationError: it was lost on the way.
        TrialStoreError, LedgerError, ReportError: `out` cannot be written.
    """
    stop = Cancellation()
    with Client(where.url, where.key, _TIMEOUT, _TRIES, stop.sleep) as client:
        manifest = served_manifest(client, where.url)
        if not where.keep:
            check_deletion(client)
        with (
            TrialStore(out) as store,
            DeviceLedger(out / "devices.jsonl", where.url.rstrip("/")) as ledger,
            _resumable(),
        ):
            phones = DevicePool(client, manifest.model_id, ledger, stop)
            for url in ledger.elsewhere():
                warn(f"devices of an earlier simulation may still be at {url}: simulate there to delete them")
            if not where.keep:
                phones.delete_all()
            keys = TrialKeys(manifest, WHOLE, service=where.url.rstrip("/"))
            pool = RemoteWorkerPool(phones.kept if where.keep else phones.brief, WHOLE, workers, stop)
            with pool:
                queue = TrialQueue(pool.begin, keys, store, workers)
                trials, failed = queue.run(simulated_users(corpus, user_ids), progress)
            report = aggregate(
                trials,
                failed,
                manifest=manifest,
                corpus=corpus_info(corpus),
                min_messages=min_messages,
                train_share=WHOLE.train_share,
            )
            write_results(phones.kept_again if where.keep else phones.brief, corpus, report, out)
    return report


@contextlib.contextmanager
def _resumable() -> Iterator[None]:
    try:
        yield
    except (ServiceError, BundleChangedError) as error:
        raise SimulationError(f"{error}; finished users are kept: run it again to go on") from error
