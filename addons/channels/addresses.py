"""Where a channel's requests go: base URL, version and path put together by the operator's rule."""

import re
from functools import lru_cache

from axonhub.transformers.protocol import Endpoint

_VERSION = re.compile(r"/v\d+[a-z0-9]*$")


@lru_cache(maxsize=1024)
def upstream_url(base_url: str, endpoint: Endpoint, base_path: str = "") -> str:
    """The whole URL of an operation.

    The version is appended unless the base URL ends in one already or with `#`; with `##` the base URL is the URL.
    """
    if base_url.endswith("##"):
        return with_query(base_url[:-2], endpoint.query)
    root = base_url.rstrip("#").rstrip("/") + base_path
    versioned = base_url.endswith("#") or _VERSION.search(root) or not endpoint.version
    version = "" if versioned else f"/{endpoint.version}"
    return with_query(f"{root}{version}/{endpoint.path.lstrip('/')}", endpoint.query)


@lru_cache(maxsize=1024)
def with_query(url: str, query: str) -> str:
    """The URL with these query members too, none twice."""
    address, _, own = url.partition("?")
    members = dict.fromkeys(each for each in (*own.split("&"), *query.split("&")) if each)
    return f"{address}?{'&'.join(members)}" if members else address
