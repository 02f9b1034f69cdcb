"""The directive `command-line`: verbs and options, from the parser that the command uses."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from brickprof.cli import make_parser


def literal(text: str) -> str:
    """Return help as reStructuredText: its code is code, and all else as it is."""
    parts = re.split(r"`([^`]*)`", text)
    for place, part in enumerate(parts):
        parts[place] = f"``{part}``" if place % 2 else re.sub(r"([*|_\\])", r"\\\1", part)
    return "".join(parts)


def verbs_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of a parser's verbs."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def described(action: argparse.Action, parser: argparse.ArgumentParser) -> Iterator[str]:
    """Describe an option or an argument."""
    formatter = parser._get_formatter()
    help_text = formatter._expand_help(action) if action.help else ""
    if action.option_strings:
        value = (
            ""
            if action.nargs == 0
            else " "
            + formatter._format_args(action, formatter._get_default_metavar_for_optional(action))
        )
        yield ".. option:: " + ", ".join(f"{option}{value}" for option in action.option_strings)
    else:
        default = formatter._get_default_metavar_for_positional(action)
        yield f".. describe:: {formatter._metavar_formatter(action, default)(1)[0]}"
    yield ""
    yield f"   {literal(help_text)}"
    yield ""


def page_of(parser: argparse.ArgumentParser, mark: str) -> Iterator[str]:
    """Describe a verb, and in sections of their own the verbs that it has."""
    description = parser.description or ""
    yield from (
        f".. program:: {parser.prog}",
        "",
        literal(description[:1].upper() + description[1:]),
        "",
    )
    usage = parser.format_usage().removeprefix("usage: ")
    yield from (".. code-block:: text", "", *(f"   {line}" for line in usage.splitlines()), "")
    for action in parser._actions:
        if not isinstance(action, (argparse._SubParsersAction, argparse._HelpAction)):
            yield from described(action, parser)
    for verb in verbs_of(parser).values():
        title = verb.prog.removeprefix("brickprof ")
        yield from (title, mark[0] * len(title), "", *page_of(verb, mark[1:]))


class CommandLine(SphinxDirective):
    """All verbs of ``brickprof``."""

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        text = "\n".join(page_of(make_parser(), "-~^"))
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("command-line", CommandLine)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
