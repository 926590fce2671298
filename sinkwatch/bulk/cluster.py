"""
Parts made by the workers of a Dask cluster: the same folder that one machine makes alone.

A task is one row group of the source. The worker reads it, assesses it and writes its parts by
the functions that a single machine uses; what comes back is counts. All that Dask is needed for
stands here.
"""

from __future__ import annotations

import contextlib
import json
import logging
import queue
import secrets
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pyarrow as pa

from sinkwatch.bulk import formats, manifest, parts, pieces, prepared
from sinkwatch.bulk.formats import geoparquet
from sinkwatch.bulk.request import Basis
from sinkwatch.bulk.store import HALFWAY, Store
from sinkwatch.errors import ConfigError, SchemaError, SinkwatchError

if TYPE_CHECKING:
    import distributed
    from numpy.typing import NDArray
    from pyarrow import parquet

    from sinkwatch import assess
    from sinkwatch.bulk import InParts
    from sinkwatch.bulk.request import BulkReport, Request
    from sinkwatch.model import Bounds

    Layers: TypeAlias = "Mapping[str, NDArray[Any]]"

RETRIES: Final = 3
"""How often a task that failed is tried again, and the layers are sent again when all are lost."""

CONNECT_S: Final = 10.0
"""How long a scheduler may take to answer."""

WORKERS_S: Final = 60.0
"""How long there may be no worker: a machine that restarts is back by then."""

PACKAGES: Final = ("sinkwatch", "dask", "distributed", "numpy", "pyarrow", "shapely")
"""What must be of one version everywhere, for the same answers in the same bytes."""

_TRIMS: Final = "MALLOC_TRIM_THRESHOLD_"
_POLL_S: Final = 2.0
_GO_ON: Final = "Run the same again: it goes on with the parts that are there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """
    What is the same for every row group, but for the layers; little enough to go with each.

    Attributes
    ----------
    request
        What is asked for, with whole paths.
    bounds, flag_within_m
        As in `Basis`.
    plan
        What `parts.planned` returned.
    layers
        What stands for the layers and their index.
    """

    request: Request
    bounds: Bounds
    flag_within_m: float
    plan: dict[str, Any]
    layers: str


Made: TypeAlias = "list[parts.Done] | SinkwatchError"
"""The parts of a row group, or why there are none: then another try would end alike."""


def engine(request: Request, scheduler: str | None) -> InParts:
    """
    Return what makes the parts of a folder on a cluster, for `bulk.assess_file`.

    Parameters
    ----------
    request
        What is asked for.
    scheduler
        Address of a Dask scheduler; None for a cluster on this machine, for this work alone.

    Returns
    -------
    in_parts
        As `parts.assess_in_parts`.

    Raises
    ------
    ConfigError
        If the work cannot be shared out, or Dask is not installed.
    """
    _library()
    way_out = "Leave --engine out, or turn the file into GeoParquet first"
    if request.source.suffix.lower() != ".parquet":
        raise ConfigError(str(request.source), "a cluster reads GeoParquet alone", way_out)
    if request.target.suffix and not request.target.is_dir():
        rule = "a cluster writes a folder of parts, not one file"
        raise ConfigError(str(request.target), rule, "Name a folder, without an ending")
    return partial(assess_in_parts, scheduler=scheduler)


def assess_in_parts(
    basis: Basis,
    request: Request,
    *,
    kept: Path | None,
    progress: Callable[[int, int | None], None],
    scheduler: str | None = None,
) -> BulkReport:
    """
    Assess every row of a GeoParquet file on a cluster, and write a folder of GeoParquet.

    Parameters
    ----------
    basis
        What rows are assessed by.
    request
        What is asked for; parts that are there and belong to it are not made again.
    kept
        Folder in which prepared layers are kept for the next time; None to keep none.
    progress
        Told after each row group.
    scheduler
        As for `engine`.

    Returns
    -------
    report
        Rows, and rows in each band.

    Raises
    ------
    ConfigError
        If the folder does not belong to this request, or the cluster cannot do the work.
    SchemaError
        If the file cannot be read to its end, has no positions, or its axes look exchanged.
    """
    request = replace(request, source=_absolute(request.source), target=_absolute(request.target))
    name, store = request.source.name, Store.at(request.target)
    plan = parts.planned(basis, request)
    with geoparquet.opened(request.source) as file:
        metadata = file.metadata
        reading = geoparquet.reading(name, file, request.columns)
        pieces.laid_out(formats.TARGETS[".parquet"], reading, request)  # which refuses at once
    with connected(scheduler) as client:
        there = parts.begun(store, plan, overwrite=request.overwrite)
        layers = prepared.to_send(basis.hazard, kept, metadata.num_rows)
        job = Job(
            request=request,
            bounds=basis.bounds,
            flag_within_m=basis.flag_within_m,
            plan=plan,
            layers=f"{plan['layers_sha256']} {layers['squares'].tobytes().decode()}",
        )
        try:
            check_sight(client, job)
        except ConfigError:
            if not there:
                parts.clear(store)
            raise
        made = _made(client, job, layers, metadata.num_row_groups)
        try:
            done = _in_order(made, metadata, name, progress)
            report = sum((each.noticed for each in done), pieces.Noticed()).complete(name).report
        except SchemaError:
            _stop(store, made)
            raise
    parts.finish(store, plan, manifest.described(request.source), done, report)
    return report


def _absolute(place: Any) -> Any:  # noqa: ANN401 - a path or an address, and the same comes back
    """Return what a program understands that runs in another folder."""
    return place.absolute() if isinstance(place, Path) else place


def _in_order(
    made: Iterator[tuple[int, Made]],
    metadata: parquet.FileMetaData,
    name: str,
    progress: Callable[[int, int | None], None],
) -> list[parts.Done]:
    """Return all parts; they are judged in the order of rows, as one machine would."""
    early: dict[int, list[parts.Done]] = {}
    done: list[parts.Done] = []
    noticed, n_rows, following = pieces.Noticed(), 0, 0
    for number, found in made:
        if isinstance(found, SinkwatchError):
            raise found
        early[number] = found
        n_rows += sum(each.noticed.n_rows for each in found)
        while following in early:
            for each in early.pop(following):
                done.append(each)
                noticed += each.noticed
                noticed.check(name, metadata.num_rows)
            following += 1
        progress(n_rows, metadata.num_rows)
    return done


def _stop(store: Store, made: Iterator[object]) -> None:
    """Remove what was written, after the last worker has stopped writing."""
    with contextlib.suppress(OSError):
        store.remove(parts.PLAN)  # without which no worker begins another part
    with contextlib.suppress(SinkwatchError, OSError, pa.ArrowException):
        for _ in made:
            pass
    parts.clear(store)


# ── The cluster ──────────────────────────────────────────────────────────────────────────────


def _library() -> Any:  # noqa: ANN401 - a module, which may not be there
    try:
        import distributed  # noqa: PLC0415 - an extra; a second and a half that others need not wait
    except ImportError as error:
        way_out = "pip install 'sinkwatch[scale]'"
        raise ConfigError("--engine dask", "needs the extra `scale`", way_out) from error
    return distributed


@contextlib.contextmanager
def connected(scheduler: str | None) -> Iterator[distributed.Client]:
    """
    Connect with a cluster whose programs are the same as here.

    Parameters
    ----------
    scheduler
        Its address; None to start one on this machine, which ends with the context.

    Yields
    ------
    client
        With one worker at least.

    Raises
    ------
    ConfigError
        If there is none, it has no workers, or their versions are others.
    """
    library = _library()
    with contextlib.ExitStack() as stack:
        address = scheduler or stack.enter_context(own()).scheduler_address
        try:
            with warnings.catch_warnings():
                # What matters of it is said below, and stops the work.
                warnings.simplefilter("ignore", library.versions.VersionMismatchWarning)
                client = stack.enter_context(
                    library.Client(address, timeout=CONNECT_S, set_as_default=False)
                )
        except (OSError, ValueError) as error:
            rule = f"no Dask scheduler answers there ({error})"
            way_out = "Start one with `dask scheduler`, or leave --scheduler out for this machine"
            raise ConfigError(address, rule, way_out) from error
        try:
            client.wait_for_workers(1, timeout=WORKERS_S)
        except TimeoutError as error:
            raise _deserted(address) from error
        check_versions(client.get_versions(packages=PACKAGES))
        yield client


def own(n_workers: int | None = None) -> distributed.LocalCluster:
    """
    Start workers of one thread each, heard on this machine alone.

    Parameters
    ----------
    n_workers
        How many; None for one to each processor.

    Returns
    -------
    cluster
        A context, at whose end they end.
    """
    import dask  # noqa: PLC0415 - as `_library`

    environment = dask.config.get("distributed.nanny.pre-spawn-environ")
    # It would have all memory handed back between any two steps: a quarter of a worker's time.
    lasting = {name: value for name, value in environment.items() if name != _TRIMS}
    with dask.config.set(
        {
            "distributed.nanny.pre-spawn-environ": lasting,
            "distributed.worker.profile.enabled": False,  # for pages that are off
        }
    ):
        return _library().LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address=None,
            # Its pages are off, but its port would stand in the way of another cluster here.
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
            silence_logs=logging.CRITICAL,  # what matters of it is said by errors of our own
        )


def _deserted(address: str) -> ConfigError:
    rule = f"the scheduler has had no worker for {WORKERS_S:.0f} s"
    return ConfigError(address, rule, f"Start some with `dask worker {address}`. {_GO_ON}")


def check_versions(versions: Mapping[str, Any]) -> None:
    """
    Refuse a cluster with other programs than here.

    Parameters
    ----------
    versions
        What `Client.get_versions` returned.

    Raises
    ------
    ConfigError
        If a package or Python is missing or of another version anywhere.
    """
    here = _programs(versions["client"])
    for where, told in {"the scheduler": versions["scheduler"], **versions["workers"]}.items():
        for package, version in _programs(told).items():
            if version != here[package]:
                rule = f"{package} is {version or 'missing'} there and {here[package]} here"
                way_out = "Install the same sinkwatch[scale] on every machine"
                raise ConfigError(where, rule, way_out)


def _programs(told: Mapping[str, Any]) -> dict[str, str | None]:
    held = {name: told["packages"].get(name) for name in PACKAGES}
    return {"python": ".".join(told["packages"]["python"].split(".")[:2]), **held}


def check_sight(client: distributed.Client, job: Job) -> None:
    """
    Refuse a cluster with a worker that cannot read the source or write to the folder.

    Parameters
    ----------
    client
        Of the cluster.
    job
        The work.

    Raises
    ------
    ConfigError
        Naming the worker and what it does not see.
    """
    for worker, fault in client.run(sees, job, on_error="return").items():
        if isinstance(fault, SinkwatchError):
            raise fault
        if fault is not None:
            way_out = "Mend that machine, or stop its worker"
            raise ConfigError(worker, f"cannot work ({fault!r})", way_out) from fault


def _made(
    client: distributed.Client, job: Job, layers: Layers, n_groups: int
) -> Iterator[tuple[int, Made]]:
    """Give what becomes of each row group; send those out again that were lost."""
    left = set(range(n_groups))
    for _ in range(RETRIES + 1):
        if not left:
            return
        with _lost_plainly(client):
            # A list, for a mapping would be scattered item by item.
            sent = client.scatter([layers], broadcast=True, hash=False)[0]
        for number, found in _round(client, job, sent, frozenset(left)):
            left.remove(number)
            yield number, found
    if left:
        rule = f"its workers were lost with all they held, {RETRIES + 1} times"
        raise ConfigError(client.scheduler.address, rule, f"See why they end. {_GO_ON}")


@contextlib.contextmanager
def _lost_plainly(client: distributed.Client) -> Iterator[None]:
    try:
        if client.status != "running":
            raise ConnectionError(client.status)
        yield
    except (OSError, TimeoutError) as error:
        address = client.scheduler.address if client.scheduler else "the scheduler"
        raise ConfigError(address, f"answers no longer ({error})", _GO_ON) from error


def _round(
    client: distributed.Client, job: Job, layers: distributed.Future, left: frozenset[int]
) -> Iterator[tuple[int, Made]]:
    """Give what becomes of those row groups that are not lost."""
    token = secrets.token_hex(4)  # the keys of a round that was lost are not used again
    finished: queue.SimpleQueue[distributed.Future] = queue.SimpleQueue()
    waiting: dict[str, tuple[int, distributed.Future]] = {}
    for number in sorted(left):
        key = f"row-group-{number}-{token}"
        future = client.submit(make, job, layers, number, key=key, retries=RETRIES, pure=False)
        future.add_done_callback(finished.put)
        waiting[key] = number, future
    patience = _Patience(client)
    while waiting:
        try:
            future = finished.get(timeout=_POLL_S)
        except queue.Empty:
            patience.waited()
            continue
        try:
            found: Made = future.result(timeout=_POLL_S)
        except TimeoutError:  # who held the answer has gone: it is found once more
            patience.waited()
            future.add_done_callback(finished.put)
            continue
        except _library().client.FutureCancelledError:
            waiting.pop(future.key)
            continue
        except _library().KilledWorker as error:
            raise _killed(error) from error
        number, _ = waiting.pop(future.key)
        yield number, found


class _Patience:
    """Waits for tasks, but not for a scheduler or workers that do not come back."""

    def __init__(self, client: distributed.Client) -> None:
        self._client, self._without_s = client, 0.0

    def waited(self) -> None:
        with _lost_plainly(self._client):
            self._without_s = 0.0 if self._client.nthreads() else self._without_s + _POLL_S
        if self._without_s >= WORKERS_S:
            raise _deserted(self._client.scheduler.address)


def _killed(error: Any) -> ConfigError:  # noqa: ANN401 - an exception of a library that may be missing
    rule = f"{error.allowed_failures + 1} workers ended while they made its parts ({error})"
    return ConfigError(str(error.task), rule, f"Give workers more memory. {_GO_ON}")


# ── On a worker ──────────────────────────────────────────────────────────────────────────────


def make(job: Job, layers: Layers, number: int) -> Made:
    """
    Make the parts of one row group, but for those that are there; a worker runs this.

    Parameters
    ----------
    job
        The work.
    layers
        What `prepared.flat` returned.
    number
        Of the row group.

    Returns
    -------
    made
        The parts, or a fault of the data or of this machine.
    """
    request, store = job.request, Store.at(job.request.target)
    try:
        _check_seen(job, store, _library().get_worker().address)
        indexed = _put_together(job.layers, layers)
        basis = Basis(hazard=indexed.hazard, bounds=job.bounds, flag_within_m=job.flag_within_m)
        with geoparquet.opened(request.source) as file:
            reading = geoparquet.reading(request.source.name, file, request.columns)
            asking = pieces.Asking(
                basis=basis,
                indexed=indexed,
                reading=reading,
                laid=pieces.laid_out(formats.TARGETS[".parquet"], reading, request),
                request=request,
            )
            # A task that is tried again, or that a killed client had begun, goes on.
            names = parts.names_of(file.metadata)[number]
            cut = parts.cut_group(file, request.columns, (number, names), store.held(names))
            return [parts.made(asking, store, part) for part in cut]
    except SinkwatchError as error:
        return error


def sees(job: Job, dask_worker: distributed.Worker) -> SinkwatchError | None:
    """
    Tell whether this worker can read the source and write to the folder.

    Parameters
    ----------
    job
        The work.
    dask_worker
        This one; Dask hands it to a parameter of that name.

    Returns
    -------
    fault
        None if it can.
    """
    store, worker = Store.at(job.request.target), dask_worker.address
    try:
        _check_seen(job, store, worker)
        name = f"{HALFWAY}{secrets.token_hex(8)}"
        store.write_bytes(name, b"")
        store.remove(name)
    except SinkwatchError as error:
        return error
    except OSError as error:
        return _blind(job.request.target, f"cannot be written to ({error})", worker)
    return None


def _check_seen(job: Job, store: Store, worker: str) -> None:
    """Refuse to work on another file or into another folder of the same name."""
    source = job.request.source
    if not source.is_file() or source.stat().st_size != job.plan["input"]["bytes"]:
        rule = "is not there, or is another file than where the work was begun"
        raise _blind(source, rule, worker)
    try:
        plan = json.loads(store.read_bytes(parts.PLAN))
    except (OSError, ValueError) as error:
        rule = f"does not hold this work ({error})"
        raise _blind(job.request.target, rule, worker) from error
    if plan != job.plan:
        raise _blind(job.request.target, "holds other work", worker)


def _blind(place: object, rule: str, worker: str) -> ConfigError:
    way_out = "Let every worker see both by the same path, or use object storage"
    return ConfigError(str(place), f"{rule}, as the worker {worker} sees it", way_out)


_HELD: dict[str, assess.Index] = {}
_HOLDING: Final = threading.Lock()


def _put_together(name: str, layers: Layers) -> assess.Index:
    """Return layers and their index, put together once in each process."""
    with _HOLDING:
        if name not in _HELD:
            _HELD.clear()
            _HELD[name] = prepared.together(layers.__getitem__)
        return _HELD[name]
