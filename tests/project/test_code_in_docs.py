"""Code in pages and docstrings: examples give what they say, commands parse and run, C compiles."""

from __future__ import annotations

import argparse
import doctest
import importlib
import itertools
import os
import re
import shlex
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

import brickprof as bp
from brickprof.cli import make_parser

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md")), ROOT / "examples/decoder/README.md"]
GUIDE = [ROOT / "README.md", *sorted((DOCS / "guide").glob("*.md"))]
LISTINGS = {"story-cpp.md", "story-cython.md"}
"""Pages that show parts of a project, which test_docs.py builds and holds them against."""

WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "brickprof").rglob("*.py*")
    if path.suffix in (".py", ".pyx") and ">>> " in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_of_docstrings(name: str) -> None:
    module = importlib.import_module(name)
    failed, tried = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert failed == 0
    assert tried > 0


def test_examples_of_compiled_modules_are_seen() -> None:
    assert {
        "brickprof.profiler.brick_profiler",
        "brickprof.kernels.gemm.gemm",
        "brickprof.tuning.threads",
    } < set(WITH_EXAMPLES)


def tokens_of(page: Path) -> Iterator[Token]:
    """Return the tokens of a page, those inside of lines among them."""
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8")):
        yield token
        yield from token.children or ()


def blocks_of(page: Path, *languages: str) -> list[str]:
    """Return a page's blocks of code in some languages; "" are indented ones."""
    return [
        token.content
        for token in tokens_of(page)
        if token.type in ("fence", "code_block") and token.info.strip() in languages
    ]


def commands_of(page: Path) -> list[str]:
    """Return the commands of brickprof in a page's blocks."""
    lines = "\n".join(blocks_of(page, "sh", "bash", "")).replace("\\\n", " ").splitlines()
    commands = [line.strip().removeprefix("$ ") for line in lines]
    return [command for command in commands if command.startswith("brickprof ")]


def mentions_of(page: Path) -> list[str]:
    """Return the commands of brickprof that a page mentions inside of its text."""
    return [
        token.content
        for token in tokens_of(page)
        if token.type == "code_inline" and re.match(r"brickprof [a-z]", token.content)
    ]


def parsers_by_verb(parser: argparse.ArgumentParser) -> Iterator[tuple[str, set[str]]]:
    """Return the options of every verb."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices.values():
                yield from parsers_by_verb(verb)
    yield parser.prog, {option for one in parser._actions for option in one.option_strings}


OPTIONS = dict(parsers_by_verb(make_parser()))


def stale(mention: str) -> list[str]:
    """Return what of a command no verb knows: the verb itself, or options."""
    words = [word for word in re.split(r"[\s\[\]|,]+", mention) if word]
    verb = next((one for n in (3, 2) if (one := " ".join(words[:n])) in OPTIONS), None)
    if verb is None:
        return [mention]
    if words[1] == "run":  # what follows the script is the script's
        words = words[: next((n for n, word in enumerate(words) if word.endswith(".py")), None)]
    # `brickprof tune` alone stands for all that it tunes.
    known = {option for one, own in OPTIONS.items() if one.startswith(verb) for option in own}
    words = words[: words.index("--")] if "--" in words else words  # then another command's
    return [word for word in words if word.startswith("--") and word.partition("=")[0] not in known]


def name_of(path: Path) -> str:
    """Return a page's name for a test."""
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_are_those_of_today(page: Path) -> None:
    assert [words for mention in mentions_of(page) for words in stale(mention)] == []
    for command in commands_of(page):
        make_parser().parse_args(shlex.split(command, comments=True)[1:])  # or it exits


def test_a_stale_command_is_seen() -> None:
    assert stale("brickprof report FILE [--explain CODE]") == []
    assert stale("brickprof report FILE --explane CODE") == ["--explane"]
    assert stale("brickprof tune gemm M N K --repeats 3") == ["--repeats"]
    assert stale("brickprof demonstrate") == ["brickprof demonstrate"]


NUMBERS = itertools.count()
KEPT = DOCS / "gallery"
PROGRAM = "import numpy as np\n\na = np.ones((200, 200))\nb = a @ a\n"
FUNCTION = "\n\ndef work(threads=1, **tiles):\n    return a @ a\n"


def lay_out(folder: Path, command: list[str]) -> None:
    """Write the files that a command reads: programs, and recordings of the gallery."""
    for word in command:
        if word.startswith("@"):
            lay_out(folder, ["listed.json"])
            (folder / word[1:]).write_text("listed.json\n")
        if word.endswith("/"):
            lay_out(folder, [f"{word.replace('*', 'host')}run.json"])
        path = Path(word.partition(":")[0])
        if path.is_absolute() or (folder / path).exists():
            continue
        if path.suffix == ".py":
            (folder / path).write_text(PROGRAM + FUNCTION)
        elif path.suffix == ".json":
            kept = KEPT / (path if (KEPT / path).exists() else "recording.json")
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            for name in (word.replace("?", str(n)) for n in (1, 2, 3)):
                # A comparison takes each recording once.
                created = f"2026-01-01T00:00:00.{next(NUMBERS):06}Z"
                replace(bp.load_recording(kept), created=created).save(folder / name)
    if "-m" in command:
        module = folder / (command[command.index("-m") + 1].replace(".", "/") + ".py")
        module.parent.mkdir(exist_ok=True)
        module.write_text(PROGRAM)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if commands_of(page)], ids=name_of)
def test_commands_run(page: Path, tmp_path: Path) -> None:
    environment = os.environ | {
        "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}",
        "BRICKPROF_CACHE_DIR": str(tmp_path / "cache"),
    }
    for command in commands_of(page):
        words = shlex.split(command, comments=True)
        if any(word.startswith("./") for word in words):
            continue  # a program of the reader's own
        lay_out(tmp_path, words)
        line = f"{shlex.quote(sys.executable)} -m {command}"
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        slower = 3 if "--fail-above" in words else 0
        assert done.returncode in (0, slower), f"{command}\n{done.stdout}\n{done.stderr}"


def check_syntax(compiler: str, file: Path, *options: str) -> None:
    """Compile a file without making anything of it."""
    include = [bp.get_include(), sysconfig.get_path("include"), f"{sys.prefix}/include"]
    done = subprocess.run(
        [compiler, "-fsyntax-only", *options, *(f"-I{folder}" for folder in include), str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def check_block(block: str, compiler: str, folder: Path) -> None:
    """Compile a block as a file of its own; one of Cython is translated to C first."""
    if compiler != "cython":
        file = folder / ("block.c" if compiler == "gcc" else "block.cpp")
        file.write_text(block)
        check_syntax(compiler, file, "-Wall", "-Wextra", "-Werror")
        return
    file = folder / "block.pyx"
    file.write_text(block)
    translate = [sys.executable, "-m", "cython", "-3", "-I", str(ROOT), str(file)]
    done = subprocess.run(translate, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    check_syntax("gcc", file.with_suffix(".c"))


COMPILERS = {"cython": "cython", "pyx": "cython", "c": "gcc", "cpp": "g++", "c++": "g++"}
COMPILED = [
    pytest.param(block, compiler, id=f"{name_of(page)}-{language}-{number}")
    for page in GUIDE
    if page.name not in LISTINGS
    for language, compiler in COMPILERS.items()
    for number, block in enumerate(blocks_of(page, language))
]


@pytest.mark.slow
@pytest.mark.parametrize(("block", "compiler"), COMPILED)
def test_compiled_languages_compile(block: str, compiler: str, tmp_path: Path) -> None:
    check_block(block, compiler, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["gcc", "g++"])
def test_code_that_does_not_compile_is_seen(compiler: str, tmp_path: Path) -> None:
    start = "#include <brickprof/tile.h>\nint f(bp_recorder *r);\nint f(bp_recorder *r) { bp_start("
    check_block(f"{start}r, BP_MICRO, 0, 0); return 0; }}\n", compiler, tmp_path)
    with pytest.raises(AssertionError, match="bp_start"):
        check_block(f"{start}r, BP_MICRO); return 0; }}\n", compiler, tmp_path)
