"""Sphinx's configuration: `make docs` builds the pages, with every warning an error."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "extensions"), str(HERE.parent)]

import brickprof.recording  # noqa: E402

project = "brickprof"
author = "the brickprof authors"
project_copyright = author
release = version = brickprof.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
    "numpydoc",
    "command_line",
    "names",
    "repository",
]
root_doc = "index"
exclude_patterns = ["extensions", "gallery/*.json"]
default_role = "name"  # of extensions/names.py: a link where there is something to link to

# Markdown as GitHub reads it: its anchors of headings, and links to pages by their file.
myst_enable_extensions = ["attrs_inline"]
myst_heading_anchors = 4

# Docstrings state types themselves; compiled functions have no annotations.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
numpydoc_class_members_toctree = False
numpydoc_show_class_members = False
numpydoc_xref_param_type = True
numpydoc_xref_aliases = {
    name: f"{module.__name__}.{name}"
    for module in (brickprof.recording, brickprof)
    for name in module.__all__
    if isinstance(getattr(module, name), type)
}
numpydoc_xref_ignore = "all"  # of the words beside types
smartquotes = False

# With `-t online` types of other projects link to their pages, whose lists are fetched.
if tags.has("online"):  # type: ignore[name-defined]  # noqa: F821
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
    }

html_theme = "furo"
html_title = f"brickprof {version}"
html_static_path = ["extensions/static"]
html_css_files = ["pages.css"]
html_show_sourcelink = False
html_copy_source = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
