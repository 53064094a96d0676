"""MkDocs hook: adds the pages and examples outside docs/ to the site, and leads links to them."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"(?P<start>!?\[(?P<text>[^\]]*)\]\()(?P<target>[^)#:\s]+)(?P<anchor>#[^)]*)?\)")
LANGUAGES = {".route": "route", ".yaml": "yaml", ".yml": "yaml", ".json": "json", ".service": "ini", ".socket": "ini"}
MAX_SHOWN_BYTES = 20_000
"""Longer example files, such as recorded sessions, are named but not shown."""

_original: dict[str, str] = {}
"""The path in the repository of each page that is added to the site, by its path in the site."""


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages that lie outside ``docs/``."""
    for path in sorted(ROOT.glob("*.md")):
        _add(files, config, _page_of(path.name), path.name, path.read_text(encoding="utf-8"))
    for folder in sorted((ROOT / "examples").iterdir()):
        readme = _readme(folder)
        _add(files, config, f"examples/{folder.name}.md", readme.relative_to(ROOT).as_posix(), _example(folder, readme))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001  # MkDocs passes all
    """Lead the links to files outside ``docs/`` to their pages on the site; without a page, leave only the text."""
    site_path = page.file.src_uri
    folder = posixpath.dirname(_original.get(site_path, f"docs/{site_path}"))

    def replaced(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(folder, match["target"]))
        anchor = match["anchor"] or ""
        target = _page_of(path)
        if (
            path.startswith("examples/")
            and path.count("/") > 1
            and (ROOT / path).is_file()
            and not path.endswith("/README.md")
        ):
            anchor = f"#{_anchor(path.split('/', 2)[2])}"
        if files.get_file_from_path(target) is None:
            return match["text"]
        return f"{match['start']}{posixpath.relpath(target, posixpath.dirname(site_path) or '.')}{anchor})"

    return LINK.sub(replaced, markdown)


def _page_of(path: str) -> str:
    """Where the site has this file of the repository."""
    if path == "README.md":
        return "index.md"
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    if path.startswith("examples/"):
        return f"examples/{path.split('/')[1]}.md"
    return f"project/{path}"


def _add(files: Files, config: MkDocsConfig, site_path: str, original: str, text: str) -> None:
    _original[site_path] = original
    files.append(File.generated(config, site_path, content=text))


def _readme(folder: Path) -> Path:
    """The README of the example, or of the only folder in it. It may not exist."""
    return next(iter(sorted(folder.glob("*/README.md"))), folder / "README.md")


def _example(folder: Path, readme: Path) -> str:
    """A page with the example's README, if it has one, and its files."""
    parts = [readme.read_text(encoding="utf-8") if readme.exists() else f"# {folder.name.capitalize()}\n"]
    for path in sorted(path for path in folder.rglob("*") if _is_shown(path) and path != readme):
        text = path.read_text(encoding="utf-8")
        shown = f"{len(text):,} characters, not shown here.\n"
        if len(text) <= MAX_SHOWN_BYTES:
            shown = f"~~~~{LANGUAGES.get(path.suffix, 'text')}\n{text}~~~~\n"
        name, anchor = path.relative_to(readme.parent).as_posix(), _anchor(path.relative_to(folder).as_posix())
        parts.append(f"## {name} {{ #{anchor} }}\n\n{shown}")
    return "\n".join(parts)


def _is_shown(path: Path) -> bool:
    """Not links to other examples, not what only Helm reads, no packages and nothing that is generated."""
    is_of_helm = path.parent.name == "templates" or path.name in {".helmignore", "values.schema.json"}
    is_generated = path.suffix in {".vsix", ".gz", ".lock"} or "tree-sitter-route/src" in path.as_posix()
    return path.is_file() and not (path.is_symlink() or is_of_helm or is_generated)


def _anchor(name: str) -> str:
    return re.sub(r"[^\w-]", "-", name.lower())
