"""Several processes that train one network, each on a device of its own.

They are started by `launch`, by `torchrun`, or by SLURM's `srun`; each runs the same command and
finds its place in the environment. The first process (rank 0) owns the run folder.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import torch
from attrs import frozen
from torch import distributed

from neurokit.errors import NeurokitError, first_line

_LAUNCHED = "NEUROKIT_LAUNCHED"
# Others wait while the first process segments a validation volume. Whoever dies is noticed sooner:
# its connections close, and the launcher stops the others.
_PATIENCE = timedelta(hours=2)


@frozen
class World:
    """Which of how many processes this is.

    Attributes:
        rank: 0 for the first of all.
        size: of all machines together.
        local_rank: among those of this machine; the number of its GPU.
        local_size: processes of this machine.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1


def world() -> World:
    """What torchrun or srun say of this process; alone where they say nothing."""
    said = os.environ
    if "RANK" in said and "WORLD_SIZE" in said:
        local = said.get("LOCAL_RANK", "0"), said.get("LOCAL_WORLD_SIZE", "1")
        return World(int(said["RANK"]), int(said["WORLD_SIZE"]), int(local[0]), int(local[1]))
    # Only srun sets the first of these: a batch script is not one of the processes.
    if int(said.get("SLURM_STEP_NUM_TASKS", "1")) > 1 and "SLURM_PROCID" in said:
        here = re.match(r"\d+", said.get("SLURM_STEP_TASKS_PER_NODE", "1"))
        return World(
            int(said["SLURM_PROCID"]),
            int(said["SLURM_STEP_NUM_TASKS"]),
            int(said.get("SLURM_LOCALID", "0")),
            int(here[0]) if here else 1,
        )
    return World()


@contextmanager
def joined(device: torch.device) -> Iterator[World]:
    """The processes find each other, and part again at the end; nothing to do for one alone.

    Args:
        device: of this process; GPUs talk by NCCL, CPUs by gloo.

    Raises:
        NeurokitError: they do not find each other.
    """
    place = world()
    if place.size == 1:
        yield place
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    _name_the_meeting_place()
    try:
        distributed.init_process_group(
            "nccl" if device.type == "cuda" else "gloo",
            rank=place.rank,
            world_size=place.size,
            timeout=_PATIENCE,
        )
    except (RuntimeError, ValueError) as error:
        raise NeurokitError(
            f"process {place.rank} of {place.size} does not find the others: {first_line(error)}; "
            f"check MASTER_ADDR and MASTER_PORT"
        ) from error
    try:
        yield place
    except Exception as error:
        report_failure(error)  # before the others notice
        raise
    # Who fails or is stopped does not part: that may wait for others, who are going, too.
    part()


def part() -> None:
    """Go on without the others, from where each has work of its own."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


def _name_the_meeting_place() -> None:
    """Under srun, which names none: the first host of the job, at a port that the job decides."""
    if "MASTER_ADDR" not in os.environ:
        nodes = os.environ.get("SLURM_STEP_NODELIST") or os.environ.get("SLURM_NODELIST") or ""
        os.environ["MASTER_ADDR"] = first_host(nodes) or "localhost"
    if "MASTER_PORT" not in os.environ:
        job = int(os.environ.get("SLURM_JOB_ID", "0"))
        os.environ["MASTER_PORT"] = str(15000 + job % 20000)


def first_host(nodes: str) -> str:
    """The first host of a SLURM node list.

    >>> first_host("gpu[07-09,12],login1")
    'gpu07'
    """
    match = re.match(r"([^\[,]*)(?:\[(\w+))?", nodes)
    return (match[1] + (match[2] or "")) if match else ""


def sum_over_processes(tensor: torch.Tensor) -> torch.Tensor:
    """The sum of each process's tensor, on all of them; the tensor itself for one alone.

    Losses that balance their parts over the batch call it with their counts, as each process sees
    only its share of the batch. No gradient flows through it.
    """
    if not distributed.is_initialized():
        return tensor
    summed = tensor.detach().clone()
    distributed.all_reduce(summed)
    return summed


def mean_over_processes(tensor: torch.Tensor) -> torch.Tensor:
    """The mean of each process's tensor, on all of them."""
    return sum_over_processes(tensor) / process_count()


def agreed(flag: bool) -> bool:
    """Whether any of the processes says so, on all of them."""
    if not distributed.is_initialized():
        return flag
    device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
    return bool(sum_over_processes(torch.tensor(float(flag), device=device)).item())


def first_said(text: str | None) -> str | None:
    """What the first of those processes gave that gave something, on all of them."""
    if not distributed.is_initialized():
        return text
    said: list[str | None] = [None] * process_count()
    distributed.all_gather_object(said, text)
    return next((each for each in said if each is not None), None)


def process_count() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def lost_another(error: BaseException) -> bool:
    """Whether an error only says that another process of the training is gone."""
    signs = ("gloo", "NCCL", "Connection closed by peer", "Connection reset by peer", "Broken pipe")
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in signs)


def launch(processes: int, arguments: Sequence[str]) -> int:
    """Run `neurokit` with these arguments in several processes; the exit status of all.

    Torch's elastic launcher starts and watches them: when one fails, the others are stopped.

    Raises:
        NeurokitError: with the error of the process that failed first.
    """
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id=f"neurokit-{os.getpid()}",
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        signals_to_handle="SIGTERM,SIGINT,SIGHUP,SIGQUIT,SIGUSR1",
        shutdown_timeout=30,
    )
    os.environ[_LAUNCHED] = "1"
    logging.getLogger("torch.distributed").setLevel(logging.CRITICAL)  # we say it in one line
    try:
        elastic_launch(config, sys.executable)("-m", "neurokit", *arguments)
    except SignalException as error:
        return 130 if error.sigval == signal.SIGINT else 75
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        if failure.exitcode in (75, 130):
            return failure.exitcode
        reason = _reason(failure.message)
        if failure.exitcode < 0:
            reason = f"it was killed by {failure.signal_name()}"
        raise NeurokitError(f"process {rank} of {processes}: {reason}") from error
    finally:
        del os.environ[_LAUNCHED]
    return 0


def _reason(message: str | dict[str, str]) -> str:
    """What a process recorded of its error, in one line; torch says str, and hands on a dict."""
    said = message["message"] if isinstance(message, dict) else message
    return said.removeprefix("NeurokitError: ").partition("\n")[0]


def report_failure(error: BaseException) -> bool:
    """Tell the launcher why this process fails; whether it is ours, which passes it on."""
    if "TORCHELASTIC_ERROR_FILE" not in os.environ:
        return False
    from torch.distributed.elastic.multiprocessing.errors import get_error_handler

    get_error_handler().record_exception(error)
    return _LAUNCHED in os.environ
