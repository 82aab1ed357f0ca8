"""Requests have names."""

import re
from itertools import islice

from axonhub.addons import inbound


def test_no_name_comes_twice():
    names = list(islice(inbound._random_names(), 1000))

    assert len(names) == len({*names, *islice(inbound._random_names(), 1000)}) - 1000
    assert all(re.fullmatch("[0-9a-f]{12}", name) for name in names)
