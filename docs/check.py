"""Say what is wrong with the pages of a site: links that lead nowhere, and what they would fetch from a network.

python docs/check.py site
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "link": "href"}
"""Elements that a browser fetches by itself, and the attribute that says where from."""

LINK_ONLY = {"canonical", "author", "license", "search", "index", "next", "prev", "help", "top"}
"""Relations of <link> that are not fetched."""


class Page(HTMLParser):
    """The names that a page can be entered by, where its links lead, and what it fetches."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.names |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif FETCHED.get(tag, "") in found and not LINK_ONLY & set(found.get("rel", "").split()):
            self.fetched.append(found[FETCHED[tag]])
        elif tag == "meta" and "url=" in found.get("content", ""):
            self.links.append(found["content"].partition("url=")[2])


def faults(site: Path) -> list[str]:
    """Return a sentence for each fault of the pages below a folder."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.resolve().rglob("*.html"))}
    found = [] if pages else [f"{site} has no page"]
    for path, page in pages.items():
        name = path.relative_to(site.resolve())
        for address in page.links + page.fetched:
            parts = urlsplit(address)
            if parts.scheme == "data":
                continue
            if parts.scheme or parts.netloc:
                if address in page.fetched:
                    found.append(f"{name} fetches {address}")
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file():
                found.append(f"{name} leads to {address}, which is not there")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].names:
                found.append(f"{name} leads to {address}, a place that this page does not have")
    return found


if __name__ == "__main__":
    sys.exit("\n".join(faults(Path(sys.argv[1]))) or None)
