"""Runs the trials of a corpus's users on devices of a service. The results are those of a local simulation."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from api.client import Client, ServiceError
from device_runtime.bundle.files import BundleError
from device_runtime.bundle.loader import read_manifest
from device_runtime.manifest import Manifest
from device_runtime.simulation.device import DeviceFactory
from device_runtime.simulation.held_out import DEFAULT_PLAN, SimulatedUser, TrialPlan
from device_runtime.simulation.report import FailedUser, Report
from device_runtime.simulation.simulator import aggregate
from device_runtime.simulation.trial import Trial, evaluate_device
from device_runtime.simulation.trial_queue import MACHINE_ERRORS, SimulationError, TrialQueue, failed_user
from device_runtime.simulation.trial_store import TrialKeys, TrialStore
from federated.corpus.store import Corpus
from thumbprint.pipeline.simulate import Progress, corpus_info, simulated_users, write_results
from thumbprint.remote_simulation.devices import (
    BundleChangedError,
    Cancellation,
    CancelledError,
    DeviceLedger,
    LedgerError,
    ServiceDevices,
)

_TIMEOUT = 120.0  # seconds until a request fails: a busy service answers late, and a simulation can wait
_TRIES = 600  # attempts of a request while the service is busy: 10 minutes, as it asks to retry after a second
_ERRORS_OF_NO_USER = (*MACHINE_ERRORS, CancelledError, LedgerError, BundleChangedError)
_UNUSABLE_DATA = (413, 422)  # with these, the service refuses a user's data, and no other request of a simulation


@dataclass(frozen=True)
class Service:
    """A running service.

    Attributes:
        key: The API key; None if the service needs none.
        keep_devices: Whether the devices of the simulation stay there.
    """

    url: str
    key: str | None
    keep_devices: bool


def simulate_service(
    service: Service,
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
        workers: Number of devices at the same time.
        progress: Called with each user's id at the end of their trial.
        warn: Called with a line about devices that an earlier simulation may have left at another service.

    Raises:
        ServiceError: there is no service at this URL, or it refuses.
        SimulationError: the service failed during the simulation.
        TrialStoreError, LedgerError, ReportError: `out` cannot be written.
    """
    cancellation = Cancellation()
    url = service.url.rstrip("/")
    with Client(service.url, service.key, _TIMEOUT, _TRIES, cancellation.sleep) as client:
        manifest = served_manifest(client, service.url)
        if not service.keep_devices:
            check_deletion(client)
        with TrialStore(out) as store, DeviceLedger(out / "devices.jsonl", url) as ledger, _resumable():
            devices = ServiceDevices(client, manifest.model_id, ledger, cancellation)
            for other in ledger.other_services():
                warn(f"devices of an earlier simulation may still be at {other}: simulate there to delete them")
            if not service.keep_devices:
                devices.delete_all()
            keys = TrialKeys(manifest, DEFAULT_PLAN, service=url)
            new_device = devices.kept if service.keep_devices else devices.temporary
            with TrialThreadPool(new_device, DEFAULT_PLAN, workers, cancellation) as pool:
                queue = TrialQueue(pool.begin, keys, store, workers)
                trials, failed = queue.run(simulated_users(corpus, user_ids), progress)
            report = aggregate(
                trials,
                failed,
                manifest=manifest,
                corpus=corpus_info(corpus),
                min_messages=min_messages,
                train_share=DEFAULT_PLAN.train_share,
            )
            write_results(new_device, corpus, report, out)
    return report


@contextlib.contextmanager
def _resumable() -> Iterator[None]:
    try:
        yield
    except (ServiceError, BundleChangedError) as error:
        raise SimulationError(f"{error}; results of finished users are kept: run it again to continue") from error


def served_manifest(client: Client, url: str) -> Manifest:
    """Returns the manifest of the bundle that the service's devices run.

    Raises:
        ServiceError: there is no service at `url`, it refuses the key, or its bundle cannot be read by this version.
    """
    try:
        bundles = client.bundles()
        if not bundles:
            raise ServiceError(f"{url} serves no bundle")
        return read_manifest(client.manifest(bundles[0].model_id))
    except BundleError as error:
        raise ServiceError(f"this version cannot read the bundle that {url} serves: {error}") from error
    except ServiceError as error:
        if error.status != 401:
            raise
        raise ServiceError(f"{error}: give the key of {url} with --api-key or THUMBPRINT_API_KEY", 401) from error


def check_deletion(client: Client) -> None:
    """Checks that the key can delete devices. Raises ServiceError if it cannot."""
    try:
        client.delete_device(f"sim-{secrets.token_hex(12)}")
    except ServiceError as error:
        if error.status == 403:
            raise ServiceError(
                f"the simulation must delete its devices: {error} (`thumbprint access create NAME --scope admin` "
                "creates a key that can; --keep-devices leaves the devices there)",
                403,
            ) from error
        if error.status != 404:  # 404 is expected, because the device does not exist
            raise


class TrialThreadPool:
    """Threads that run trials on devices of a service. They mostly wait for answers, so they need no processes.

    A context manager that ends the threads, at their next request if the block ends with an error.
    """

    def __init__(self, new_device: DeviceFactory, plan: TrialPlan, workers: int, cancellation: Cancellation) -> None:
        self._new_device, self._plan, self._cancellation = new_device, plan, cancellation
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="phone")

    def begin(self, user: SimulatedUser, key: str) -> Future[Trial | FailedUser]:
        """Starts one trial. Its future raises errors that the user's data did not cause."""
        return self._threads.submit(self._run, user)

    def _run(self, user: SimulatedUser) -> Trial | FailedUser:
        try:
            with self._new_device(user.user_id) as phone:
                return evaluate_device(phone, user, self._plan)
        except _ERRORS_OF_NO_USER:
            raise
        except ServiceError as error:
            if error.status not in _UNUSABLE_DATA:
                raise
            return failed_user(user, error)
        except Exception as error:
            return failed_user(user, error)

    def __enter__(self) -> TrialThreadPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._cancellation.cancel()
        self._threads.shutdown(cancel_futures=True)
