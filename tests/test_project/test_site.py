"""The site is whole without a network, its links lead on, and figures have words."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from nbformat.v4 import new_code_cell, new_output

from tools import chapters, home, site

# A picture of one pixel.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
PLACES = {"source": "docs-src", "out": "site", "doctrees": "doctrees"}
LOADING = {
    "img": "src",
    "script": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "embed": "src",
}


class Page(HTMLParser):
    """What a page loads, and where its links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.alts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        address = given.get(LOADING.get(tag, ""))
        if tag == "link" and given.get("rel") in (
            "stylesheet",
            "preload",
            "icon",
            "shortcut icon",
            "modulepreload",
        ):
            address = given.get("href")
        if address:
            self.loads.append(address)
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if tag == "img":
            self.alts.append(given.get("alt") or "")


def parse(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def foreign(folder: Path) -> list[str]:
    """Everything that a page or a style sheet of the site would fetch from another host."""
    away = re.compile(r"(https?:)?//")
    found = [
        f"{path.name}: {url}"
        for path in folder.rglob("*.html")
        for url in parse(path).loads
        if away.match(url)
    ]
    for path in folder.rglob("*.css"):
        text = path.read_text(encoding="utf-8", errors="replace")
        found += [
            f"{path.name}: {url}"
            for url in re.findall(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\"')]+)", text)
        ]
    return found


def missing(folder: Path) -> list[str]:
    """Loaded files and links of the site that are not there."""
    found = []
    pages = [path for path in folder.rglob("*.html") if "_static" not in path.parts]  # templates lie there
    for path in pages:
        page = parse(path)
        for url in page.loads + page.links:
            name = unquote(url.split("#")[0].split("?")[0])
            if name and not re.match(r"[a-z]+:|//", url) and not (path.parent / name).exists():
                found.append(f"{path.relative_to(folder)}: {url}")
    return found


def tiny(notebook):
    """Add to the good chapter what a site can get wrong: figures, formulas, links of all kinds."""
    show = new_code_cell("draw()", execution_count=5)
    data = {"image/png": PIXEL, "text/plain": "A grey pixel."}
    show.outputs = [new_output("display_data", data=data, metadata={"image/png": {"alt": "A grey pixel."}})]
    notebook.cells.append(show)
    notebook.cells[0].source += (
        "\n\n$$\\frac{1}{n}\\sum_i x_i$$\n\n[the code](../utils/settings.py) [terms](../docs/glossary.md#glossary)"
        " [here](#part) [start](../README.md)\n\n## Part\n\n> **The notes say** so."
    )
    entry = {"topic": "T064", "claim": "a | b", "verdict": "wrong", "shown": "a, not b"}
    notebook.metadata.course.ledger = [entry]
    notebook.metadata.course.executed = chapters.digest(notebook)
    return chapters.tidy(notebook)


@pytest.fixture(scope="module")
def built(tmp_path_factory, make_good):
    """The site of one tiny chapter and the course's own pages."""
    root = tmp_path_factory.mktemp("site")
    patch = pytest.MonkeyPatch()
    original = chapters.all_chapters
    chapters.write(tiny(make_good()), root / "notebooks" / "07_tiny.ipynb")
    patch.setattr(chapters, "all_chapters", lambda folder=None: original(root / "notebooks"))
    patch.setattr(site, "ROOT", root)
    for name in ("docs/index.md", "docs/ledger.md", "docs/glossary.md", "docs/conf.py", "docs/topics.csv"):
        (root / name).parent.mkdir(exist_ok=True)
        shutil.copy(chapters.ROOT / name, root / name)
    shutil.copytree(chapters.ROOT / "docs" / "_static", root / "docs" / "_static")
    for name in ("README.md", "utils/settings.py"):
        (root / name).parent.mkdir(exist_ok=True)
        shutil.copy(chapters.ROOT / name, root / name)
    shutil.copytree(chapters.ROOT / "tools", root / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(chapters.ROOT / "pyproject.toml", root)
    folders = {name: root / "build" / folder for name, folder in PLACES.items()}
    try:
        yield site.build(**folders), folders["out"]
    finally:
        patch.undo()


def test_the_site_builds_without_a_warning(built):
    assert built[0] is True


def test_nothing_is_loaded_from_elsewhere(built):
    assert foreign(built[1]) == []


def test_everything_it_links_to_is_there(built):
    assert missing(built[1]) == []


def test_formulas_search_and_icons_are_inside(built):
    page = (built[1] / "notebooks" / "07_tiny.html").read_text(encoding="utf-8")
    assert "mathjax/tex-chtml.js" in page and "math notranslate" in page
    fonts = built[1] / "_static" / "mathjax" / "output" / "chtml" / "fonts"
    assert any(fonts.rglob("*.woff"))
    assert (built[1] / "searchindex.js").stat().st_size > 1000
    assert any((built[1] / "_static").rglob("fa-solid-900*"))
    assert "theme-switch" in page


def test_a_chapter_leads_to_its_notebook_colab_and_download(built):
    page = parse(built[1] / "notebooks" / "07_tiny.html")
    assert f"https://github.com/{home.slug()}/blob/main/notebooks/07_tiny.ipynb" in page.links
    assert any(link.startswith("https://colab.research.google.com/github/") for link in page.links)
    assert "../downloads/07_tiny.ipynb" in page.links
    assert chapters.read(built[1] / "downloads" / "07_tiny.ipynb").cells[1].source == home.bootstrap()


def test_links_are_redirected(built):
    page = parse(built[1] / "notebooks" / "07_tiny.html")
    assert f"https://github.com/{home.slug()}/blob/main/utils/settings.py" in page.links
    assert {"../glossary.html#glossary", "#part", "../index.html"} <= set(page.links)


def test_figures_have_words(built):
    assert "A grey pixel." in parse(built[1] / "notebooks" / "07_tiny.html").alts


def test_the_installing_cell_is_not_on_the_page(built):
    assert "find_spec" not in (built[1] / "notebooks" / "07_tiny.html").read_text(encoding="utf-8")


def test_the_ledger_and_the_table_of_chapters_are_filled(built):
    ledger = (built[1] / "ledger.html").read_text(encoding="utf-8")
    assert "a | b" in ledger and "a, not b" in ledger and "notebooks/07_tiny.html" in ledger
    assert "7. Tiny" in (built[1] / "index.html").read_text(encoding="utf-8")


def test_the_glossary_has_terms_in_both_languages():
    rows = (
        (chapters.ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").split("|---|---|---|---|\n")[1]
    )
    terms = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows.strip().splitlines()]
    assert len(terms) >= 40 and len({row[0] for row in terms}) == len(terms)
    assert all(re.search(r"[\u4e00-\u9fff]|softmax", row[0]) and all(row) and len(row) == 4 for row in terms)


@pytest.mark.parametrize(
    "text",
    [
        '<img src="https://example.com/x.png">',
        '<script src="//cdn.example.com/x.js"></script>',
        '<link rel="stylesheet" href="https://example.com/x.css">',
    ],
)
def test_a_foreign_resource_is_seen(tmp_path, text):
    (tmp_path / "page.html").write_text(f'<a href="https://example.com">fine</a>{text}')
    assert len(foreign(tmp_path)) == 1
    (tmp_path / "page.html").write_text('<img src="x.png"><a href="y.html#z">y</a>')
    assert foreign(tmp_path) == [] and len(missing(tmp_path)) == 2


def test_a_foreign_style_is_seen(tmp_path):
    (tmp_path / "page.css").write_text(
        "a { background: url('https://example.com/x.png') } b { background: url(x.png) }"
    )
    assert foreign(tmp_path) == ["page.css: https://example.com/x.png"]


def test_a_page_with_a_dead_reference_fails_the_build(built, tmp_path, capsys):
    (site.ROOT / "docs" / "extra.md").write_text("# Extra\n\n{doc}`nowhere`\n")
    folders = {name: tmp_path / folder for name, folder in PLACES.items()}
    assert site.build(**folders) is False
    assert "nowhere" in capsys.readouterr().out
    (site.ROOT / "docs" / "extra.md").unlink()


def test_unchanged_pages_are_not_written_again(tmp_path):
    site._update(tmp_path, {"a.md": b"1", "b/c.md": b"2"})
    before = (tmp_path / "a.md").stat().st_mtime_ns
    site._update(tmp_path, {"a.md": b"1", "d.md": b"3"})
    assert (tmp_path / "a.md").stat().st_mtime_ns == before
    assert sorted(path.name for path in tmp_path.rglob("*.md")) == ["a.md", "d.md"]


def test_figure_texts_are_found_by_the_hash_of_the_picture(built):
    texts = site.figure_texts(site.ROOT / "build" / "docs-src")
    assert texts == {hashlib.sha256(base64.b64decode(PIXEL)).hexdigest(): "A grey pixel."}
