"""The environment of this process. Everything else is handed a mapping."""

import os
from collections.abc import Mapping


def process_environ() -> Mapping[str, str]:
    return os.environ
