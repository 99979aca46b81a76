"""What makes a site of README.md and docs/: hooks of MkDocs, see mkdocs.yml.

Pages keep the links that they have in the repository. The README is the site's first page; links to files that are no
pages become plain text.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]

NAV = {
    "Tutorial": ("index.md", "keras.md"),
    "Reference": (
        "api.md",
        "sizes.md",
        "images.md",
        "faults.md",
        "formats.md",
        "results.md",
        "gallery.md",
        "models/*.md",
    ),
    "Explanation": ("architecture.md", "written-by-hand.md", "reliability.md", "fuzzing.md", "performance.md"),
}
"""Group -> its pages, in their order; one that is not there is passed over. All others are in the group `How to`."""

LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def on_config(config):
    docs = Path(config.docs_dir)
    pages = {path.relative_to(docs).as_posix() for path in docs.rglob("*.md")} | {"index.md"}
    groups = {}
    for title, patterns in NAV.items():
        groups[title] = [page for each in patterns for page in sorted(pages) if Path(page).match(each)]
        pages -= set(groups[title])
    config.nav = [
        {title: groups.get(title, sorted(pages))} for title in ("Tutorial", "How to", "Reference", "Explanation")
    ]
    return config


def on_files(files, config):
    files.append(File.generated(config, "index.md", content=(ROOT / "README.md").read_text("utf-8")))
    return files


def on_page_markdown(markdown, page, config, files):
    # Where the page is in the repository, whose folder docs/ is the site's top.
    folder = "" if page.file.src_uri == "index.md" else posixpath.dirname(f"docs/{page.file.src_uri}")
    here = posixpath.dirname(page.file.src_uri)

    def on_site(link: re.Match) -> str:
        picture, text, target = link.groups()
        path, mark, anchor = target.partition("#")
        if not path or "://" in path or target.startswith("mailto:"):
            return link[0]
        place = posixpath.normpath(posixpath.join(folder, path))
        of_site = "index.md" if place == "README.md" else place.removeprefix("docs/")
        if (place != "README.md" and not place.startswith("docs/")) or not files.get_file_from_path(of_site):
            return text
        return f"{picture}[{text}]({posixpath.relpath(of_site, here or '.')}{mark}{anchor})"

    # A link within a picture's link is taken first.
    return LINK.sub(on_site, markdown)
