"""Pages as GitHub shows them: those that lie outside of docs/, and pictures for light and dark.

A page of docs/ that links to nothing but a page outside, in a paragraph of its own, stands for that
page: here it holds its text. Links in it are to where the text came from, and links of other pages
to the page outside lead to the one that stands for it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from sphinx.application import Sphinx

ALONE = re.compile(r"^\[[^\]]*\]\((\.\./[^)]*\.md)\)$", re.M)
LINK = re.compile(r"(\]\()([^)#\s]+)(#[^)\s]*)?(?=\))")
PICTURE = re.compile(
    r'<picture><source media="\(prefers-color-scheme: dark\)" srcset="([^"]*)">\s*'
    r'<img src="([^"]*)"\s+alt="([^"]*)"></picture>'
)
FENCED = re.compile(r"^( *```.*?^ *```$)", re.M | re.S)


def stand_ins(docs: Path) -> dict[Path, Path]:
    """Return the pages outside of docs/ and those that stand for them."""
    pages = [docs / "index.md", *docs.glob("project/*.md")]
    return {
        (page.parent / outside).resolve(): page
        for page in pages
        for outside in ALONE.findall(page.read_text(encoding="utf-8"))
    }


def moved(text: str, source: Path, page: Path, docs: Path) -> str:
    """Return Markdown of a file as it must be in a page of docs/."""
    known = stand_ins(docs)

    def relative(link: str) -> str:
        target = Path(os.path.normpath(source.parent / link))
        return os.path.relpath(known.get(target, target), page.parent)

    def mend_link(found: re.Match[str]) -> str:
        start, link, anchor = found.groups(default="")
        return found[0] if re.match(r"\w+:", link) else f"{start}{relative(link)}{anchor}"

    def mend_picture(found: re.Match[str]) -> str:
        dark, light, alt = found.groups()
        alt = " ".join(alt.split())
        return "".join(
            f"![{alt}]({relative(file)}){{.only-{theme}}}\n"
            for theme, file in (("light", light), ("dark", dark))
        )

    parts = FENCED.split(text)
    parts[::2] = [PICTURE.sub(mend_picture, LINK.sub(mend_link, part)) for part in parts[::2]]
    return "".join(parts)


def read(app: Sphinx, docname: str, content: list[str]) -> None:
    """Put the text of a page outside where it is stood for, and mend links and pictures."""
    page, docs = Path(app.env.doc2path(docname)), Path(app.srcdir)
    if page.suffix != ".md":
        return

    def shown(found: re.Match[str]) -> str:
        source = (page.parent / found[1]).resolve()
        app.env.note_dependency(str(source))
        return moved(source.read_text(encoding="utf-8"), source, page, docs)

    if page in stand_ins(docs).values():
        content[0] = ALONE.sub(shown, content[0])
    else:
        content[0] = moved(content[0], page, page, docs)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to what Sphinx reads."""
    app.connect("source-read", read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
