"""Sphinx settings of the site. `make site` gathers the pages into build/docs-src first; see tools/site.py."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools import home  # noqa: E402

project = "Dive into Vision"
author = "the authors of Dive into Vision"
project_copyright = "the authors of Dive into Vision; text CC BY 4.0, code MIT"
language = "en"
extensions = ["myst_nb", "sphinx_copybutton", "sphinx-mathjax-offline"]
root_doc = "index"
exclude_patterns = ["_extra"]

nb_execution_mode = "off"  # pages show the stored outputs
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "html_image", "deflist"]
myst_heading_anchors = 4
myst_dmath_double_inline = True

html_theme = "sphinx_book_theme"
html_title = "Dive into Vision"
html_static_path = ["_static"]
html_css_files = ["course.css"]
html_extra_path = [str(ROOT / "build" / "docs-src" / "_extra")]
html_copy_source = False  # the notebook itself is offered, not the page made from it
html_show_sourcelink = False
html_last_updated_fmt = None
html_theme_options = {
    "repository_url": f"https://github.com/{home.slug()}",
    "use_repository_button": True,
    "use_download_button": False,
    "home_page_in_toc": False,
    # One search field is enough: the sidebar has it.
    "navbar_persistent": [],
    "show_toc_level": 2,
    "show_navbar_depth": 1,
}


def figure_texts(app):
    """Alt texts of the stored figures, by the name that myst-nb gives their files (their hash)."""
    from tools import site

    app.figure_texts = site.figure_texts(Path(app.srcdir))


def set_alt(app, doctree):
    """myst-nb drops the text equivalent of a figure: put it back."""
    from docutils import nodes

    for image in doctree.findall(nodes.image):
        text = app.figure_texts.get(Path(image.get("uri", "")).stem)
        if text:
            image["alt"] = text


def notebook_buttons(app, pagename, templatename, context, doctree):
    """On a chapter: its notebook on the home, in Colab, and as a file."""
    name = f"{pagename.removeprefix('notebooks/')}.ipynb"
    if not pagename.startswith("notebooks/"):
        return
    places = (
        ("Notebook", f"https://github.com/{home.slug()}/blob/main/notebooks/{name}", "fab fa-github"),
        ("Colab", home.badge(name).split("(")[1].rstrip(")"), "fas fa-rocket"),
        ("Download", context["pathto"](f"downloads/{name}", 1), "fas fa-download"),
    )
    titles = {
        "Notebook": "The notebook on GitHub",
        "Colab": "Open in Colab",
        "Download": "Download the notebook",
    }
    for text, url, icon in places:
        button = {"type": "link", "url": url, "text": text, "tooltip": titles[text], "icon": icon}
        context["header_buttons"].append({**button, "label": f"notebook-{text.lower()}-button"})


def setup(app):
    app.connect("builder-inited", figure_texts)
    app.connect("doctree-read", set_alt)
    app.connect("html-page-context", notebook_buttons, priority=900)
