"""Pages of text: Markdown to HTML, and the list of what a directory holds."""

from __future__ import annotations

from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt
from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from staddle.components.portal.site import Article

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


@cache
def to_html(markdown: str) -> Markup:
    """CommonMark with tables. HTML in the text is shown, not used, so the result is safe whoever wrote it."""
    return Markup(_MARKDOWN.render(markdown))  # noqa: S704 - see above


def with_indexes(articles: Iterable[Article]) -> Iterator[tuple[str, str, str]]:
    """(path, title, Markdown) of every article, and of an `index.html` for each directory of them."""
    ordered = sorted(articles, key=lambda article: article.path)
    for directory, group in groupby(ordered, key=lambda article: article.path.rpartition("/")[0]):
        members = list(group)
        title = directory.rpartition("/")[2].capitalize()
        links = "\n".join(f"- [{article.title}](/{article.path})" for article in members)
        yield f"{directory}/index.html", title, f"# {title}\n\n{links}\n"
        yield from ((article.path, article.title, article.markdown) for article in members)
