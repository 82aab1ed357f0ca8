"""mitmweb's list with room for what we say: its comment column is 150 pixels wide, with no option to change that.

The page's own stylesheet is served as it is with a few rules added at its end. Where mitmproxy keeps it elsewhere one
day, the page merely looks as it does without us.
"""

import logging
from pathlib import Path

from mitmproxy.tools import web
from mitmproxy.tools.web.master import WebMaster
from tornado.web import RequestHandler

logger = logging.getLogger(__name__)

_RULES = """
.flow-table .col-comment{width:58%}
.flow-table td.col-comment{text-align:left}
.flow-table tr.intercepted:not(.has-response) .col-comment{color:#ff8000}
.contentview pre>div:empty::before{content:" "}
"""
"""The last: mitmweb gives empty lines no height."""


class Stylesheet(RequestHandler):
    """Anybody may read it, as mitmweb's own."""

    def initialize(self, text: bytes) -> None:
        self._text = text

    def get(self, name: str) -> None:
        self.set_header("content-type", "text/css")
        self.write(self._text)


def widen(master: object) -> None:
    """At start; reads a file."""
    if not isinstance(master, WebMaster):
        return
    for file in (Path(web.__path__[0]) / "static").glob("index-*.css"):
        text = file.read_bytes() + _RULES.encode()
        master.app.add_handlers(".*", [(rf"/static/({file.name})", Stylesheet, {"text": text})])
