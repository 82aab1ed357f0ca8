"""The sources keep to the import table of `tests/layering.py`; and the checker finds what breaks it."""

from pathlib import Path

import pytest

from tests.layering import read_sources, violations

ROOT = Path(__file__).resolve().parent.parent

AROUND = {
    "transformers.hub.parts": "",
    "transformers.sse": "_PRIVATE = 1",
    "transformers.protocols": "",
    "transformers.protocols.anthropic_messages": "",
    "transformers.protocols.openai_chat": "",
    "addons.errors": "",
    "addons.channels": "",
    "addons.channels.kinds": "",
    "addons.channels.bedrock": "",
    "addons.channels.rows": "TYPES = (ChannelType('deepseek'), ChannelType(name='z-ai'))",
    "addons.store.journal": "",
    "addons.inbound": "",
    "addons.outbound": "",
    "addons.commands": "",
}
"""Sources without a fault, beside which each bad one is checked."""


def test_sources_keep_to_the_table():
    assert violations(read_sources(ROOT)) == []


def test_every_module_is_read():
    sources = read_sources(ROOT)

    assert {"addons", "addons.axonhub", "addons.store", "transformers.hub", "transformers.protocols"} <= set(sources)


def test_faultless_sources_pass():
    assert violations(AROUND) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("transformers.protocols.gemini", "from axonhub.transformers.sse import SseDecoder"),
        ("transformers.protocols.gemini", "from axonhub.transformers import sse, protocols"),
        ("transformers.protocols.gemini.parts", "from axonhub.transformers.protocols.gemini.schemas import x"),
        ("transformers.protocols.gemini.parts", "from axonhub.transformers.protocols.gemini.schemas import _x"),
        ("transformers.sse", "import json, re\nimport orjson\nfrom axonhub.transformers.hub import parts"),
        ("addons.channels.bedrock", "import botocore.auth\nfrom axonhub.addons.channels.kinds import ChannelType"),
        ("addons.store.journal", "import tinydb, threading"),
        ("addons.failover.names", "from mitmproxy.proxy.layers.http._events import ErrorCode"),
        ("addons.selection", "from axonhub.addons.strategies.weighted import score\nimport mitmproxy.http"),
        ("addons.axonhub", "from axonhub.addons import inbound, outbound, commands"),
        ("addons.config", "import os\nx = os.environ['HOME']"),
        ("addons.errors", "x = kind == 'timeout' or kind in ('anthropical', 'open')"),
        ("addons.errors", "from __future__ import annotations"),
    ],
)
def test_allowed(module: str, source: str):
    assert violations(AROUND | {module: source}) == []


@pytest.mark.parametrize(
    ("module", "source", "complaint"),
    [
        ("addons.helpers", "", "addons.helpers: is in no row of the table in tests/layering.py"),
        ("addons.store.queue", "", "addons.store.queue: bears the name of a standard module"),
        ("addons.channels.select", "", "addons.channels.select: bears the name of a standard module"),
        ("transformers.hub.parts", "import orjson", ":1: imports orjson, which hub may not"),
        ("transformers.hub.parts", "from axonhub.transformers import sse", ":1: imports transformers.sse (machinery)"),
        ("transformers.sse", "import os.path", ":1: imports os, but converts only"),
        ("transformers.sse", "def now():\n    from time import time", ":2: imports time, but converts only"),
        (
            "transformers.sse",
            "from axonhub.addons import errors",
            ":1: imports addons.errors (domain), which machinery",
        ),
        ("transformers.sse", "import axonhub.addons.errors", ":1: imports addons.errors (domain), which machinery"),
        (
            "transformers.sse",
            "from axonhub.transformers.protocols import openai_chat",
            ":1: imports transformers.protocols.openai_chat (protocols), which machinery may not",
        ),
        (
            "transformers.protocols.gemini",
            "from axonhub.transformers.protocols.openai_chat import read",
            ":1: imports its sibling transformers.protocols.openai_chat",
        ),
        (
            "transformers.protocols.gemini.parts",
            "from axonhub.transformers.protocols import openai_chat",
            ":1: imports its sibling transformers.protocols.openai_chat",
        ),
        (
            "transformers.protocols.gemini",
            "from axonhub.transformers.sse import _PRIVATE",
            ":1: imports transformers.sse._PRIVATE, a private name",
        ),
        ("transformers.protocols.gemini", "from .openai_chat import read", ":1: imports "),
        ("transformers.protocols.gemini", "from transformers.sse import read", ":1: imports transformers, which"),
        ("addons.errors", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import mitmproxy", ":3: imports"),
        ("addons.channels.azure", "from axonhub.addons.channels import bedrock", "sibling addons.channels.bedrock"),
        ("addons.channels.azure", "import tinydb", ":1: imports tinydb, which channels may not"),
        ("addons.strategies.weighted", "import mitmproxy", ":1: imports mitmproxy, which strategies may not"),
        ("addons.store.journal", "import mitmproxy", ":1: imports mitmproxy, which store may not"),
        ("addons.inbound", "import tinydb", ":1: imports tinydb, which hooks may not"),
        ("addons.inbound", "from axonhub.addons import outbound", ":1: imports its sibling addons.outbound"),
        ("addons.inbound", "from axonhub.addons import commands", ":1: imports addons.commands (surface), which hooks"),
        ("addons.inbound", "from mitmproxy.proxy.layers.http._events import x", "_events, a private name"),
        ("addons.failover.stream", "from mitmproxy.proxy.layers.http._events import x", "_events, a private name"),
        (
            "addons.commands",
            "from axonhub.addons.inbound import x",
            ":1: imports addons.inbound (hooks), which surface",
        ),
        ("addons.main", "from axonhub.transformers.protocols import openai_chat", "(protocols), which program may not"),
        ("addons.errors", "x = y == 'anthropic'", ":1: compares with 'anthropic': ask for a capability"),
        ("addons.errors", "x = 'openai/chat' != y", ":1: compares with 'openai/chat'"),
        ("addons.errors", "x = y in ('a', 'deepseek')", ":1: compares with 'deepseek'"),
        ("addons.errors", "x = y not in {'z-ai'}", ":1: compares with 'z-ai'"),
        ("addons.errors", "match x:\n    case 'a' | 'openai':\n        pass", ":2: compares with 'openai'"),
        (
            "addons.errors",
            "import os\nx = os.environ.get('X')",
            ":2: reads the environment, which only addons.config may",
        ),
        ("addons.errors", "import os\nx = os.getenv('X')", ":2: reads the environment, which only addons.config may"),
    ],
)
def test_violation_is_found(module: str, source: str, complaint: str):
    found = violations(AROUND | {module: source})

    assert len(found) == 1
    assert found[0].startswith(module)
    assert complaint in found[0]
