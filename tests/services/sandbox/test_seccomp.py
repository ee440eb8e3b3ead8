"""The filter of system calls, decided by a small machine of our own for both architectures."""

import errno
import re
import struct
from pathlib import Path
from typing import Final

import pytest

from pipeline.services.sandbox import seccomp
from pipeline.services.sandbox.seccomp import ALLOW, ARCHITECTURES, FAIL, KILL, NoFilter, make_filter

HEADERS: Final = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
MACHINES: Final = tuple(ARCHITECTURES)


def decide(program: bytes, *, audit: int, number: int, arguments: tuple[int, ...] = ()) -> int:
    """Run the program as the kernel would; bpf(4), linux/seccomp.h."""
    padded = (*arguments, *(0,) * (6 - len(arguments)))
    call = struct.pack("=IIQ6Q", number, audit, 0, *padded)
    instructions = list(struct.iter_unpack("=HBBI", program))
    at, word = 0, 0
    while True:
        code, if_true, if_false, operand = instructions[at]
        at += 1
        match code:
            case seccomp.LOAD:
                (word,) = struct.unpack_from("=I", call, operand)
            case seccomp.IF_EQUAL:
                at += if_true if word == operand else if_false
            case seccomp.IF_AT_LEAST:
                at += if_true if word >= operand else if_false
            case seccomp.IF_ANY_BIT:
                at += if_true if word & operand else if_false
            case seccomp.ANSWER:
                return int(operand)
            case _:
                raise AssertionError(code)


class Machine:
    """A machine with the filter.

    Args:
        name: As uname names it.
    """

    def __init__(self, name: str, *, memory_is_counted: bool = True) -> None:
        self.architecture = ARCHITECTURES[name]
        self._program = make_filter(name, memory_is_counted=memory_is_counted)

    def answers(self, numbers: tuple[int | None, int | None], *arguments: int, audit: int | None = None) -> int:
        """Make a call."""
        number = numbers[self.architecture.column]
        assert number is not None
        return decide(self._program, audit=audit or self.architecture.audit, number=number, arguments=arguments)


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest) -> Machine:
    """One of each kind."""
    return Machine(request.param)


def test_every_refused_call_answers_an_error_and_its_neighbours_do_not(machine: Machine) -> None:
    column = machine.architecture.column
    refused = {numbers[column] for numbers in seccomp.REFUSED.values()} - {None}
    looked_at = {kind[column] for kind in (seccomp.CLONE, seccomp.SOCKET, seccomp.SOCKETPAIR, seccomp.IOCTL)}
    never = {seccomp.CLONE3[column]}

    for number in range(500):
        answer = machine.answers((number, number), 1 if number in looked_at else 0)
        assert (answer & 0xFFFF_0000 == FAIL) == (number in refused | never), number


@pytest.mark.parametrize(
    ("family", "allowed"), [(1, True), (2, True), (10, True), (16, True), (17, False), (38, False), (40, False)]
)
def test_sockets_are_of_a_few_families(machine: Machine, family: int, *, allowed: bool) -> None:
    for call in (seccomp.SOCKET, seccomp.SOCKETPAIR):
        assert machine.answers(call, family, 1) == (ALLOW if allowed else FAIL | errno.EAFNOSUPPORT)


@pytest.mark.parametrize(
    "flag", [0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000]
)
def test_no_namespace_is_made_by_clone_but_processes_and_threads_are(machine: Machine, flag: int) -> None:
    assert machine.answers(seccomp.CLONE, flag | 17) == FAIL | errno.EPERM
    assert machine.answers(seccomp.CLONE, 17) == ALLOW
    assert machine.answers(seccomp.CLONE, 0x003D_0F00) == ALLOW


def test_clone3_sends_libc_back_to_clone(machine: Machine) -> None:
    assert machine.answers(seccomp.CLONE3) == FAIL | errno.ENOSYS


@pytest.mark.parametrize("request_number", [0x5412, 0x541C, 0xDEAD_0000_0000_5412])
def test_no_terminal_is_typed_into_whatever_stands_in_the_upper_half(machine: Machine, request_number: int) -> None:
    assert machine.answers(seccomp.IOCTL, 0, request_number) == FAIL | errno.EPERM
    assert machine.answers(seccomp.IOCTL, 0, 0x5413) == ALLOW


def test_another_convention_for_calls_ends_the_process(machine: Machine) -> None:
    assert machine.answers((0, 0), audit=0x4000_0003) == KILL


def test_x32_numbers_are_no_way_around() -> None:
    assert Machine("x86_64").answers((seccomp.X32_BIT | 101, None)) == FAIL | errno.ENOSYS


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("is_counted", [True, False])
def test_memory_that_nobody_sees_is_refused_where_no_cgroup_counts_it(name: str, *, is_counted: bool) -> None:
    machine = Machine(name, memory_is_counted=is_counted)

    for numbers in seccomp.UNCOUNTED.values():
        assert machine.answers(numbers) == (ALLOW if is_counted else FAIL | errno.ENOSYS)


def test_another_architecture_is_refused_by_name() -> None:
    with pytest.raises(NoFilter, match="riscv64"):
        make_filter("riscv64", memory_is_counted=True)


@pytest.mark.parametrize("name", MACHINES)
def test_numbers_are_those_of_the_kernels_headers(name: str) -> None:
    if not HEADERS[name].exists():
        pytest.skip("The kernel's headers are not installed here.")
    defined = re.findall(r"^#define __NR(?:3264)?_(\w+) (\d+)$", HEADERS[name].read_text(), re.MULTILINE)
    known = {call: int(number) for call, number in defined}
    column = ARCHITECTURES[name].column
    ours = {**seccomp.REFUSED, **seccomp.UNCOUNTED, "clone": seccomp.CLONE, "socket": seccomp.SOCKET,
            "socketpair": seccomp.SOCKETPAIR, "ioctl": seccomp.IOCTL, "clone3": seccomp.CLONE3}  # fmt: skip

    different = {
        call: numbers[column] for call, numbers in ours.items() if known.get(call, 0) != (numbers[column] or 0)
    }

    # The generic header names these by a macro for two sizes of file handles.
    assert different.keys() <= {"name_to_handle_at", "open_by_handle_at"} | _absent(name)


def _absent(name: str) -> set[str]:
    """Name calls that have no number here, which is 0 on both sides but where 0 is a call."""
    return {call for call, numbers in seccomp.REFUSED.items() if numbers[ARCHITECTURES[name].column] is None}
