"""Where the network runs: devices, processes, precision, and compiling that may fail."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest
import torch
from torch import nn

from neurokit import NeurokitError
from neurokit.device import (
    PRECISIONS,
    MixedPrecision,
    channels_last,
    choose_device,
    choose_precision,
    out_of_memory,
    processes_wanted,
    use_threads,
    wants_compiling,
)
from neurokit.distributed import World, first_host, world
from neurokit.schema import System

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)
PLACES = (
    "RANK",
    "WORLD_SIZE",
    "LOCAL_RANK",
    "LOCAL_WORLD_SIZE",
    "SLURM_PROCID",
    "SLURM_LOCALID",
    "SLURM_STEP_NUM_TASKS",
    "SLURM_STEP_TASKS_PER_NODE",
)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever started the tests, each of them is one process alone."""
    for name in PLACES:
        monkeypatch.delenv(name, raising=False)


def _gpus(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)


def _environment(monkeypatch: pytest.MonkeyPatch, **names: int | str) -> None:
    for name, value in names.items():
        monkeypatch.setenv(name, str(value))


def test_alone_unless_something_says_otherwise() -> None:
    assert world() == World(rank=0, size=1, local_rank=0, local_size=1)


def test_what_torchrun_says(monkeypatch: pytest.MonkeyPatch) -> None:
    _environment(monkeypatch, RANK=5, WORLD_SIZE=8)
    assert world() == World(5, 8, 0, 1)
    _environment(monkeypatch, LOCAL_RANK=1, LOCAL_WORLD_SIZE=4)
    assert world() == World(5, 8, 1, 4)
    # torchrun may itself have been started by srun.
    _environment(monkeypatch, SLURM_PROCID=1, SLURM_STEP_NUM_TASKS=2)
    assert world() == World(5, 8, 1, 4)


@pytest.mark.parametrize(("tasks", "local"), [("4(x2)", 4), ("3,5", 3), ("2", 2), (None, 1)])
def test_what_slurm_says(monkeypatch: pytest.MonkeyPatch, tasks: str | None, local: int) -> None:
    _environment(monkeypatch, SLURM_PROCID=6, SLURM_LOCALID=2, SLURM_STEP_NUM_TASKS=8)
    if tasks is not None:
        monkeypatch.setenv("SLURM_STEP_TASKS_PER_NODE", tasks)
    assert world() == World(6, 8, 2, local)


def test_a_batch_script_or_a_step_of_one_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    _environment(monkeypatch, SLURM_PROCID=0, SLURM_LOCALID=0)
    assert world() == World()
    _environment(monkeypatch, SLURM_STEP_NUM_TASKS=1)
    assert world() == World()


@pytest.mark.parametrize(
    ("nodes", "host"),
    [
        ("gpu[07-09,12],login1", "gpu07"),
        ("gpu[3,5-6]", "gpu3"),
        ("node-a1", "node-a1"),
        ("n1,n2", "n1"),
        ("c4.example.org,c5.example.org", "c4.example.org"),
        ("", ""),
    ],
)
def test_the_first_host_of_a_list(nodes: str, host: str) -> None:
    assert first_host(nodes) == host


def test_the_cpu_where_nothing_else_is_there_or_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    _gpus(monkeypatch, 0)
    assert choose_device(System()) == CPU
    _gpus(monkeypatch, 2)
    assert choose_device(System(device="cpu")) == CPU
    assert choose_device(System(num_gpus=0)) == CPU
    assert choose_device(System()) == GPU
    assert choose_device(System(device="cuda")) == GPU
    assert choose_device(System(device="cuda:1")) == torch.device("cuda", 1)


def test_each_process_has_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    _environment(monkeypatch, RANK=6, WORLD_SIZE=8, LOCAL_RANK=2, LOCAL_WORLD_SIZE=4)
    _gpus(monkeypatch, 4)
    assert choose_device(System()) == torch.device("cuda", 2)
    _gpus(monkeypatch, 1)  # the scheduler shows each process only its own
    assert choose_device(System()) == GPU
    _gpus(monkeypatch, 2)
    with pytest.raises(NeurokitError) as caught:
        choose_device(System())
    assert str(caught.value) == ("process 3 of this machine finds 2 GPUs; start one process a GPU")


@pytest.mark.parametrize(
    ("system", "message"),
    [
        (
            System(num_gpus=3),
            "system.num_gpus is 3 and 2 can be seen; ask for fewer, or for 0 to run on the CPU",
        ),
        (
            System(device="cuda:2"),
            "system.device is 'cuda:2' and 2 GPUs can be seen; try --device cpu, or check the "
            "driver with nvidia-smi",
        ),
        (
            System(device="mps"),
            "system.device is 'mps'; it must be auto, cpu, cuda or cuda:<number>",
        ),
        (
            System(device="the fast one"),
            "system.device is 'the fast one'; it must be auto, cpu, cuda or cuda:<number>",
        ),
    ],
)
def test_devices_that_are_not_there(
    monkeypatch: pytest.MonkeyPatch, system: System, message: str
) -> None:
    _gpus(monkeypatch, 2)
    with pytest.raises(NeurokitError) as caught:
        choose_device(system)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("gpus", "system", "wanted"),
    [
        (0, System(), 1),
        (4, System(), 4),
        (4, System(num_gpus=2), 2),
        (4, System(num_gpus=0), 1),
        (4, System(device="cpu"), 1),
        (4, System(device="cuda"), 4),
        (4, System(device="cuda:1"), 1),
        (1, System(), 1),
    ],
)
def test_processes_wanted(
    monkeypatch: pytest.MonkeyPatch, gpus: int, system: System, wanted: int
) -> None:
    _gpus(monkeypatch, gpus)
    assert processes_wanted(system) == wanted
    _environment(monkeypatch, RANK=0, WORLD_SIZE=4, LOCAL_RANK=0, LOCAL_WORLD_SIZE=4)
    assert processes_wanted(system) == 1


@pytest.mark.parametrize("native", [True, False])
def test_precision_of_a_gpu(monkeypatch: pytest.MonkeyPatch, native: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)
    expected = torch.bfloat16 if native else torch.float16
    assert choose_precision(System(), GPU) == expected
    assert choose_precision(System(precision="float32"), GPU) == torch.float32


def test_precision_of_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for wins, expected in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr("neurokit.device._bfloat16_wins_on_cpu", lambda wins=wins: wins)
        assert choose_precision(System(), CPU) == expected
        assert choose_precision(System(precision="float16"), CPU) == torch.float16


@pytest.mark.parametrize("native", [True, False])
def test_a_trained_network_keeps_its_precision_where_that_is_native(
    monkeypatch: pytest.MonkeyPatch, native: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)
    # Its own trial of the CPU would say the contrary.
    monkeypatch.setattr("neurokit.device._bfloat16_wins_on_cpu", lambda: not native)

    def chosen(made_in: str, device: torch.device) -> torch.dtype:
        return choose_precision(System(), device, made_in)

    assert [chosen("float32", device) for device in (CPU, GPU)] == [torch.float32] * 2
    assert chosen("float16", GPU) == torch.float16
    assert chosen("bfloat16", GPU) == (torch.bfloat16 if native else torch.float16)
    # No CPU computes in float16: it does as it would with a new network.
    own = torch.float32 if native else torch.bfloat16
    assert chosen("float16", CPU) == own
    assert chosen("bfloat16", CPU) == torch.bfloat16
    asked = System(precision="float32")
    for made_in in PRECISIONS:
        assert choose_precision(asked, GPU, made_in) == torch.float32
        assert choose_precision(asked, CPU, made_in) == torch.float32


def test_compiling_is_for_gpus_unless_it_is_asked_for() -> None:
    assert not wants_compiling(System(), CPU)
    assert wants_compiling(System(), GPU)
    assert wants_compiling(System(compile=True), CPU)
    assert not wants_compiling(System(compile=False), GPU)


def test_processes_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(12)), raising=False)
    use_threads(System())
    use_threads(System(threads=3))
    _environment(monkeypatch, RANK=0, WORLD_SIZE=5, LOCAL_RANK=0, LOCAL_WORLD_SIZE=5)
    use_threads(System())
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0}, raising=False)
    use_threads(System())
    assert asked == [12, 3, 2, 1]


def _network(dtype: torch.dtype = torch.float32) -> nn.Sequential:
    torch.manual_seed(2)
    network = nn.Sequential(nn.Conv3d(1, 4, 3, padding=1), nn.ELU(), nn.Conv3d(4, 2, 1))
    return network.to(dtype)


def _image(dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.rand(2, 1, 3, 5, 7, generator=torch.Generator().manual_seed(1)).to(dtype)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("given", [torch.float32, torch.float64])
def test_weights_of_64_bits_compute_in_64_bits(precision: torch.dtype, given: torch.dtype) -> None:
    network = _network(torch.float64)
    image = _image(given)
    answer = MixedPrecision(network, precision)(image)
    assert answer.dtype == torch.float64
    assert torch.equal(answer, network(image.double()))


def test_half_precision_is_inside_only() -> None:
    network, image = _network(), _image()
    inside: list[torch.dtype] = []
    network[0].register_forward_hook(lambda *given: inside.append(given[2].dtype))
    full = MixedPrecision(network, torch.float32)(image)
    half = MixedPrecision(network, torch.bfloat16)(image)
    assert inside == [torch.float32, torch.bfloat16]
    assert half.dtype == torch.float32
    assert not torch.equal(half, full)
    torch.testing.assert_close(half, full, atol=0.02, rtol=0.02)
    assert torch.equal(full, network(image))
    half.sum().backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in network.parameters())


def test_a_network_without_weights_answers_in_the_precision_of_its_image() -> None:
    assert MixedPrecision(nn.Identity(), torch.float32)(_image(torch.float64)).dtype == (
        torch.float64
    )


def test_channels_last_changes_no_answer() -> None:
    network, image = _network(), _image()
    before = network(image)
    laid_out = channels_last(network)
    assert laid_out is network
    weight = network.state_dict()["0.weight"]
    assert weight.is_contiguous(memory_format=torch.channels_last_3d)
    torch.testing.assert_close(network(image), before)


def _compiles_to(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> list[None]:
    """Compiling gives something that fails; how often that was called."""
    calls: list[None] = []

    def compiled(_: torch.Tensor) -> torch.Tensor:
        calls.append(None)
        raise error

    monkeypatch.setattr(torch, "compile", lambda network: compiled)
    return calls


def test_where_compiling_fails_the_network_still_answers(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls = _compiles_to(monkeypatch, RuntimeError("\nno compiler found\nset CXX\n"))
    network, image = _network(), _image()
    mixed = MixedPrecision(network, torch.float32, compiled=True)
    with caplog.at_level(logging.WARNING, "neurokit"):
        first, second = mixed(image), mixed(image)
    assert torch.equal(first, network(image))
    assert torch.equal(second, first)
    assert len(calls) == 1
    warnings = [each.message for each in caplog.records if each.levelno == logging.WARNING]
    assert warnings == ["torch.compile cannot be used, going on without: no compiler found"]


def test_an_error_without_words_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _compiles_to(monkeypatch, AssertionError())
    with caplog.at_level(logging.WARNING, "neurokit"):
        MixedPrecision(_network(), torch.float32, compiled=True)(_image())
    assert caplog.messages == ["torch.compile cannot be used, going on without: AssertionError"]


def test_a_fault_of_the_network_is_not_taken_for_one_of_compiling(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _compiles_to(monkeypatch, RuntimeError("expected 1 channel"))
    with pytest.raises(RuntimeError, match="channels"):
        MixedPrecision(_network(), torch.float32, compiled=True)(_image().repeat(1, 3, 1, 1, 1))


def test_memory_that_runs_out_is_no_reason_to_go_on_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = _compiles_to(monkeypatch, torch.OutOfMemoryError("CUDA out of memory. Tried to"))
    mixed = MixedPrecision(_network(), torch.float32, compiled=True)
    for _ in range(2):
        with pytest.raises(torch.OutOfMemoryError):
            mixed(_image())
    assert len(calls) == 2


def test_compiled_networks_keep_the_names_of_their_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch, "compile", lambda network: network.forward)
    network = _network()
    mixed = MixedPrecision(network, torch.float32, compiled=True)
    assert [name.removeprefix("network.") for name in mixed.state_dict()] == [*network.state_dict()]
    assert torch.equal(mixed(_image()), network(_image()))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:75] DefaultCPUAllocator: not enough"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("shapes do not fit"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_which_errors_say_that_memory_ran_out(error: Any, expected: bool) -> None:
    assert out_of_memory(error) == expected


def test_torch_itself_says_so_in_words_that_are_known() -> None:
    with pytest.raises(RuntimeError, match=re.compile("memory")) as caught:
        torch.empty(2**60)
    assert out_of_memory(caught.value)
