"""One home for badges, first cells and pages; links that lead somewhere."""

from __future__ import annotations

import shutil

import pytest

from tools import chapters, home, links, readme

PAGES = [
    chapters.ROOT / "README.md",
    chapters.ROOT / "CONTRIBUTING.md",
    *sorted((chapters.ROOT / "docs").glob("*.md")),
]


@pytest.fixture
def repository(tmp_path, good):
    """A small repository with a page and a chapter, its home not set yet."""
    (tmp_path / "tools").mkdir()
    shutil.copy(chapters.ROOT / "tools" / "bootstrap_cell.txt", tmp_path / "tools")
    address = "https://github.com/OWNER/dive-into-vision"
    (tmp_path / "pyproject.toml").write_text(f'[project.urls]\nHome = "{address}"\n')
    (tmp_path / "tools" / "bootstrap_cell.txt").write_text(
        home.bootstrap().replace(home.slug(), home.UNSET) + "\n"
    )
    (tmp_path / "README.md").write_text(f"[x]({address}/issues) and {address}-other stays\n")
    (tmp_path / "docs").mkdir()
    good.cells[0].source = "# 7. Tiny"
    good.cells[1].source = home.bootstrap(tmp_path)
    home.apply(good, "07_tiny.ipynb", root=tmp_path)
    good.metadata.course.executed = chapters.digest(good)
    chapters.write(good, tmp_path / "notebooks" / "07_tiny.ipynb")
    return tmp_path


def test_set_home_writes_it_everywhere(repository):
    changed = home.set_home("https://github.com/me/vision.git", root=repository)
    assert changed == ["pyproject.toml", "README.md", "tools/bootstrap_cell.txt", "07_tiny.ipynb"]
    notebook = chapters.read(repository / "notebooks" / "07_tiny.ipynb")
    assert (
        "colab.research.google.com/github/me/vision/blob/main/notebooks/07_tiny.ipynb"
        in notebook.cells[0].source
    )
    assert '"https://github.com/me/vision")' in notebook.cells[1].source
    assert '"/OWNER/" not in home' in notebook.cells[1].source  # the guard is not the address
    assert notebook.metadata.course.executed == chapters.digest(notebook)
    said = (repository / "README.md").read_text()
    assert "github.com/me/vision/issues" in said and "OWNER/dive-into-vision-other stays" in said
    assert home.set_home("https://github.com/me/vision", root=repository) == []


def test_home_can_be_set_again_and_back(repository):
    before = (repository / "notebooks" / "07_tiny.ipynb").read_bytes()
    home.set_home("https://github.com/me/vision", root=repository)
    home.set_home("https://github.com/OWNER/dive-into-vision", root=repository)
    assert (repository / "notebooks" / "07_tiny.ipynb").read_bytes() == before


def test_set_home_does_not_call_stale_outputs_fresh(repository):
    path = repository / "notebooks" / "07_tiny.ipynb"
    notebook = chapters.read(path)
    notebook.metadata.course.executed = "0" * 64
    chapters.write(notebook, path)
    home.set_home("https://github.com/me/vision", root=repository)
    assert chapters.read(path).metadata.course.executed == "0" * 64


def test_apply_gives_a_new_chapter_its_badge_and_first_cell(repository, chapter_of):
    notebook = chapters.read(chapter_of("import dive_into_vision"))
    assert home.apply(notebook, "07_tiny.ipynb", root=repository) is True
    assert notebook.cells[0].source.endswith(home.badge("07_tiny.ipynb", root=repository))
    assert chapters.code_cells(notebook)[0].source == home.bootstrap(repository)
    assert home.apply(notebook, "07_tiny.ipynb", root=repository) is False


@pytest.mark.parametrize(
    "url", ["", "github.com/me/x", "https://example.com/me/x", "https://github.com/me", "a b"]
)
def test_a_home_that_is_none_is_refused(repository, url):
    with pytest.raises(ValueError, match=r"expected https://github\.com/owner/name"):
        home.set_home(url, root=repository)
    assert "OWNER" in (repository / "pyproject.toml").read_text()


def test_a_project_without_a_home_is_refused(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    with pytest.raises(ValueError, match=r"pyproject\.toml needs Home"):
        home.slug(tmp_path)


def test_the_check_on_github(repository, monkeypatch, capsys):
    said = home.check("me/vision", root=repository)
    assert "make set-home URL=https://github.com/me/vision" in said and "OWNER/dive-into-vision" in said
    home.set_home("https://github.com/me/vision", root=repository)
    assert home.check("Me/Vision", root=repository) == ""
    monkeypatch.setenv("GITHUB_REPOSITORY", "no/where")
    assert home.main(["check"]) == 1 and "make set-home" in capsys.readouterr().out


def test_command_line_without_an_address_is_one_line(capsys):
    assert home.main(["set", ""]) == 2
    assert capsys.readouterr().out.count("\n") == 1


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_of_pages_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    assert list(links.broken(text, page=page, root=chapters.ROOT, home=home.slug())) == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[a](none.md)", "none.md leads nowhere"),
        ("[`code`](none.py)", "none.py leads nowhere"),
        ("![picture](none.png)", "none.png leads nowhere"),
        ('<img src="none.png">', "none.png leads nowhere"),
        ("[a](#nothing)", "no heading #nothing"),
        ("[a](other.md#nothing)", "no heading #nothing"),
        ("[a](https://github.com/me/x/blob/main/none.py)", "names no file"),
        ("[a](https://colab.research.google.com/github/me/x/blob/main/notebooks/n.ipynb)", "names no file"),
    ],
)
def test_broken_links_are_seen(tmp_path, text, sentence):
    page = tmp_path / "page.md"
    page.write_text(f"# Title\n\n{text}")
    (tmp_path / "other.md").write_text("# There it is")
    assert any(
        sentence in said for said in links.broken(page.read_text(), page=page, root=tmp_path, home="me/x")
    )


@pytest.mark.parametrize(
    "text",
    [
        "[a](other.md)",
        "[a](other.md#there-it-is-really)",
        "[a](#title)",
        "[a](with%20blank.md)",
        "[a](https://example.com/none)",
        "[a](mailto:me@example.com)",
        "`[a](none.md)`",
        "```\n[a](none.md)\n```",
        "[a](https://github.com/me/x/blob/main/other.md)",
    ],
)
def test_good_links_and_code_are_left_alone(tmp_path, text):
    page = tmp_path / "page.md"
    page.write_text(f"# Title\n\n{text}")
    (tmp_path / "other.md").write_text("# There it is, `really`!")
    (tmp_path / "with blank.md").touch()
    assert list(links.broken(page.read_text(), page=page, root=tmp_path, home="me/x")) == []


def test_rewriting_touches_targets_only():
    text = '[`a`](x.md) `[b](x.md)` <img src="x.md"> x.md'
    assert (
        links.rewrite(text, lambda target: f"../{target}")
        == '[`a`](../x.md) `[b](x.md)` <img src="../x.md"> x.md'
    )


def test_every_chapter_is_in_the_readme():
    text = (chapters.ROOT / "README.md").read_text(encoding="utf-8")
    left = [path.name for path in chapters.all_chapters() if f"](notebooks/{path.name})" not in text]
    assert left == [], "run python -m tools.readme"


def test_the_readme_table_is_filled_between_its_marks(repository):
    page = repository / "README.md"
    page.write_text(f"before\n{readme.START}\nold\n{readme.END}\nafter | \\1\n")
    assert readme.main(repository) == 0
    text = page.read_text()
    badge = home.badge("07_tiny.ipynb", root=repository)
    assert f"| [7. Tiny](notebooks/07_tiny.ipynb) | 0.1 | none | {badge} |" in text
    assert "old" not in text and text.startswith("before") and text.endswith("after | \\1\n")
    assert readme.main(repository) == 0
    assert page.read_text() == text


def test_a_readme_without_marks_is_left_alone(repository, capsys):
    before = (repository / "README.md").read_text()
    assert readme.main(repository) == 1
    assert (
        repository / "README.md"
    ).read_text() == before and "needs the two lines" in capsys.readouterr().out
