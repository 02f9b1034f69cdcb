"""``brickprof count``: a native program runs as it is, and its work is told by function."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import brickprof as bp

pytestmark = [
    pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed"),
    pytest.mark.skipif(bp.detect_machine().arch != "x86_64", reason="it counts x86_64 code"),
]

SOURCE = """
#include <stdio.h>
#include <string.h>
static double x[500];
__attribute__((noipa)) double sum_of(int n) {
    double s = 0;
    for (int i = 0; i < n; i++) s += x[i];
    return s;
}
__attribute__((noipa)) double outer(void) { return sum_of(300) * 2; }
int main(int count, char **words) {
    char line[99] = "";
    x[0] = count > 99;
    if (!fgets(line, sizeof(line), stdin)) line[0] = 0;
    printf("%d words, read %s", count, line);
    fprintf(stderr, "to stderr\\n");
    return (int)(sum_of(500) + outer()) + (count > 1 ? 42 : 0);
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Compile a program that reads, writes and ends with a code of its own."""
    path = tmp_path_factory.mktemp("program") / "sums"
    command = ["gcc", "-g", "-O1", "-xc", "-", "-o", str(path)]
    subprocess.run(command, input=SOURCE, text=True, check=True)
    return str(path)


def counted(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the verb to its end."""
    return subprocess.run(
        [sys.executable, "-m", "brickprof", "count", *arguments],
        env={**os.environ, **environment},
        input="a line\n",
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_program_has_its_input_and_output_and_exit_code(program: str) -> None:
    done = counted("--", program, "one", "--json")
    assert (done.returncode, done.stdout) == (42, "3 words, read a line\n")
    said = done.stderr.splitlines()
    assert said[0] == "to stderr"
    assert "exit code 42" in done.stderr and "1 process" in " ".join(done.stderr.split())
    (row,) = (line.split() for line in said if line.startswith("sum_of"))
    assert row[1:3] == ["800", "f64"]
    assert any(line.startswith("all functions") for line in said)


def test_json_is_alone_on_standard_output(program: str) -> None:
    done = counted("--json", "--cache", "L2", program)
    found = json.loads(done.stdout)
    assert "1 words, read a line" in done.stderr
    assert (found["schema"], found["command"]) == ("brickprof-count", [program])
    assert (found["exit_code"], done.returncode, found["processes"]) == (0, 0, 1)
    assert [cache["level"] for cache in found["caches"]] == [1, 2]
    assert found["work_source"] == "simulated"
    (one,) = (one for one in found["functions"] if one["name"] == "sum_of")
    assert one["flops"] == one["flops_by_precision"]["double"] == 800
    assert 8 * 800 <= one["loaded_bytes"] <= 8 * 800 + 64
    assert one["intensity_flop_per_byte"] == one["flops"] / one["nbytes"]
    assert found["total"]["flops"] == sum(one["flops"] for one in found["functions"])


def test_calls_of_one_function_alone(program: str) -> None:
    done = counted("--json", "--function", "outer", program)
    found = json.loads(done.stdout)
    assert {one["name"]: one["flops"] for one in found["functions"]} == {"outer": 1, "sum_of": 300}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--function", "nobody", "{program}"], 1, "'nobody' was never entered"),
        (["no-such-program"], 2, "no such program: no-such-program"),
        ([], 2, "COMMAND"),
        (["--cache", "L1", "{program}"], 2, "--cache"),
        (["--top", "0", "{program}"], 2, "--top"),
        (["/dev/null"], 2, "no such program"),
    ],
)
def test_what_cannot_be_counted(
    program: str, arguments: list[str], code: int, message: str
) -> None:
    done = counted(*(one.format(program=program) for one in arguments))
    assert done.returncode == code
    assert message in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(("there", "missing"), [([], "valgrind"), (["valgrind"], "objdump")])
def test_a_tool_that_is_not_installed_is_named(
    program: str, there: list[str], missing: str, tmp_path: Path
) -> None:
    for tool in there:
        (tmp_path / tool).symlink_to(shutil.which(tool) or "")
    done = counted(program, PATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{missing} is not installed (Debian: apt install" in done.stderr


def test_a_signal_is_the_exit_code_that_shells_have() -> None:
    done = counted("sh", "-c", "kill -SEGV $$")
    assert done.returncode == 139
    assert "exit code 139" in done.stderr
