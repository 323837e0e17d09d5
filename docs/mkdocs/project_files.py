"""Shows README.md, CONTRIBUTING.md and CHANGELOG.md, which lie above docs/, on the site."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

REPOSITORY = Path(__file__).parents[2]
SHOWN = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
# A link to one of them from docs/a/b.md is ../../README.md; on the site it is ../readme.md.
LINK = re.compile(r"\]\((?:\.\./)?((?:\.\./)*)({})(?=[)#])".format("|".join(SHOWN)))


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages, readme.md and so on, with links as from within docs/."""
    for name in SHOWN:
        text = (REPOSITORY / name).read_text(encoding="utf-8").replace("](docs/", "](")
        files.append(File.generated(config, name.lower(), content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turns links to these files into links to their pages."""
    return LINK.sub(lambda match: f"]({match[1]}{match[2].lower()}", markdown)
