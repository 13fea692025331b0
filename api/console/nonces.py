"""Gives the scripts and styles that NiceGUI's page is made of the nonce of the answer they are in.

The nonce is written into the template, not into the finished page: what stands in a page came from devices and people, and a
`<script>` among it must stay without one.
"""

import re
from collections.abc import Callable
from pathlib import Path

from jinja2 import BaseLoader, Environment, FileSystemLoader
from nicegui import client

from api.http.headers import NONCE

_TAG = re.compile(r"<(script|style)\b(?![^>]*\bnonce=)", re.IGNORECASE)
_HIDDEN = 'style="display: none"'
_BODY = re.compile(r"\{\{\s*body_html\s*\|\s*safe\s*\}\}")
_SAID = f"request.state.{NONCE}"


class _WithNonces(BaseLoader):
    """The templates of `folder`, as `with_nonces` makes them."""

    def __init__(self, folder: Path) -> None:
        self._inner = FileSystemLoader(folder)

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Callable[[], bool] | None]:
        """As Jinja2 asks."""
        source, file, fresh = self._inner.get_source(environment, template)
        return with_nonces(source), file, fresh


def with_nonces(source: str) -> str:
    """The template, each `<script>` and `<style>` that is written in it with the nonce of the answer, and so the block of
    components' styles with which NiceGUI begins the body."""
    tagged = _TAG.sub(rf'<\1 nonce="{{{{ {_SAID} }}}}"', source.replace(_HIDDEN, "hidden"))
    return _BODY.sub(f"{{{{ body_html | own_style({_SAID}) | safe }}}}", tagged)


def own_style(body: str, nonce: str) -> str:
    """The body, the style block it begins with having the nonce; no other."""
    return f'<style nonce="{nonce}">{body.removeprefix("<style>")}' if body.startswith("<style>") else body


def install() -> None:
    """From now on every page of NiceGUI's has nonces. Once for a process; twice does no harm."""
    environment = client.templates.env
    environment.loader = _WithNonces(Path(client.__file__).parent / "templates")
    environment.filters["own_style"] = own_style
    if environment.cache is not None:
        environment.cache.clear()
