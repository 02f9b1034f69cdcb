"""Names in docstrings: a link where the name is documented, else plain code.

`numpydoc` docstrings set names in single backticks, those of arguments among them. Links that were
asked for by a role of their own, such as ``:class:``, must lead somewhere.
"""

from __future__ import annotations

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.roles import XRefRole

OTHERS = ("python:", "numpy:", "numpy.")
"""How names of other projects begin: they are links in a build that knows those."""


class NameRole(XRefRole):
    """A role whose target need not exist."""

    def process_link(
        self,
        env: BuildEnvironment,
        refnode: nodes.Element,
        has_explicit_title: bool,
        title: str,
        target: str,
    ) -> tuple[str, str]:
        """Make it a link to a Python object of the module or class around it."""
        refnode["refdomain"], refnode["reftype"] = "py", "obj"
        refnode["py:module"] = env.ref_context.get("py:module")
        refnode["py:class"] = env.ref_context.get("py:class")
        return title, target


def is_argument(node: addnodes.pending_xref) -> bool:
    """Tell whether a name is that of an argument of the function that it is written in."""
    around = node.parent
    while around is not None and not isinstance(around, addnodes.desc):
        around = around.parent
    if around is None or not isinstance(around[0], addnodes.desc_signature):
        return False
    names = {
        name.astext()
        for parameter in around[0].findall(addnodes.desc_parameter)
        for name in list(parameter.findall(addnodes.desc_sig_name))[:1]
    }
    return node["reftarget"] in names


def unlink_arguments(app: Sphinx, doctree: nodes.document) -> None:
    """Show names of arguments as code, also where something else has the same name."""
    for node in list(doctree.findall(addnodes.pending_xref)):
        if node["reftype"] == "obj" and is_argument(node):
            node.replace_self(node.children)


def show_as_code(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, content: nodes.TextElement
) -> nodes.TextElement | None:
    """Show what is no documented name, or one of another project, as it is written."""
    if node["reftarget"].startswith(OTHERS):
        text = content.astext()
        content.children = [nodes.Text(text.rpartition(":")[2])]
        return content
    return content if node["reftype"] == "obj" else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the role; links of other extensions come first."""
    app.add_role("name", NameRole(innernodeclass=nodes.literal))
    app.connect("doctree-read", unlink_arguments)
    app.connect("missing-reference", show_as_code, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
