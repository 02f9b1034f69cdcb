"""The scripts: what they print, and what they refuse."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from decoder_models import SMALL, checkpoint_tensors, make_weights, save_checkpoint

from decoder import Decoder

SCRIPTS = Path(__file__).parents[1]
Output = Callable[..., str]


@pytest.fixture
def output(
    made_up_roofs: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Output:
    """Return a function that runs a script and returns what it prints, or its errors."""

    def run(script: str, *arguments: str, code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", [script, *arguments])
        ended = 0
        try:
            runpy.run_path(str(SCRIPTS / script), run_name="__main__")
        except SystemExit as end:
            ended = int(end.code or 0)
        out, errors = capsys.readouterr()
        assert ended == code, errors
        return errors if code else out

    return run


@pytest.mark.parametrize("script", sorted(path.name for path in SCRIPTS.glob("*.py")))
def test_every_script_finds_the_package_and_has_help(script: str) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / script), "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONWARNINGS": "error"},
    )
    assert "--threads" in done.stdout


@pytest.mark.parametrize("script", ["decode.py", "layer_profile.py", "micro_profile.py"])
@pytest.mark.parametrize("threads", ["0", "two", "-1"])
def test_every_script_refuses_bad_numbers(output: Output, script: str, threads: str) -> None:
    assert f"--threads: must be a whole number >= 1, got '{threads}'" in output(
        script, f"--threads={threads}", code=2
    )


def test_decoding_a_preset_and_a_folder(output: Output, tmp_path: Path) -> None:
    arguments = ("--threads", "1", "--tokens", "5", "--prompt", "1", "2", "3")
    text = output("decode.py", "--layers", "1", *arguments)
    assert text.startswith("prompt 1 2 3\nids ")
    assert len(text.splitlines()[1].split()) == 6
    assert "decode " in text
    save_checkpoint(tmp_path, SMALL, checkpoint_tensors(SMALL, make_weights(SMALL)))
    expected = Decoder.from_pretrained(tmp_path).generate([1, 2, 3], 5)
    ids = output("decode.py", "--folder", str(tmp_path), *arguments).splitlines()[1]
    assert ids == " ".join(map(str, ["ids", *expected]))


def test_decoding_refuses_in_one_line(output: Output, tmp_path: Path) -> None:
    for arguments, part in (
        (("--folder", str(tmp_path)), "config.json: cannot be read"),
        (("--prompt", "256"), "ids must be in [0, 255], got 256"),
        (("--seed", "-1"), "seed must be at least 0, got -1"),
        (("--folder", str(tmp_path), "--layers", "1"), "--layers is for random weights"),
    ):
        text = output("decode.py", *arguments, code=1)
        assert text.startswith("decode: ")
        assert len(text.splitlines()) == 1
        assert part in text


@pytest.mark.parametrize("script", ["layer_profile.py", "micro_profile.py"])
def test_scripts_heed_the_variables(
    output: Output, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRICKPROF_NUM_THREADS", "1")
    assert " 1 thread(s)\n" in output(script)
    monkeypatch.setenv("BRICKPROF_NUM_THREADS", "many")
    assert "BRICKPROF_NUM_THREADS must be" in output(script, code=2)
    assert " 1 thread(s)\n" in output(script, "--threads", "1")


def test_a_prompt_that_does_not_fit(output: Output) -> None:
    assert "no room for 257 more" in output("layer_profile.py", "--prompt", "257", code=2)


def test_profiles_of_layers_and_operations(output: Output) -> None:
    layers = output(
        "layer_profile.py", "--tokens", "3", "--prompt", "9", "--threads", "1",
        "--without", "widest_simd",  # the option's former name
    )  # fmt: skip
    for row in ("prefill, a layer", "decode, a layer", "logits", "prefill of 9", "decode, a token"):
        assert f"\n{row}" in layers
    operations = output("micro_profile.py", "--rows", "1", "3", "--repeats", "2", "--threads", "1")
    assert operations.count("\nmatmul gate_up") == 2
    assert operations.count("\nattention") == operations.count("\nFFN") == 2


@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize(
    "disabled", [(), ("--disable", "fused_regions"), ("--disable", "compiled_steps")]
)
def test_a_step_is_its_layers_and_its_logits(
    output: Output, threads: str, disabled: tuple[str, ...]
) -> None:
    text = output("layer_profile.py", "--threads", threads, "--layers", "3", *disabled)

    def flops(name: str) -> float:
        (row,) = [line for line in text.splitlines() if line.startswith(name)]
        (count,) = re.findall(r" (\d\.\d\de[+]\d\d) ", row)
        return float(count)

    parts = 3 * flops("decode, a layer") + flops("logits")
    assert parts == pytest.approx(flops("decode, a token"), rel=0.02)
