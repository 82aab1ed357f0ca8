"""pytest plugin: with AXONHUB_REQUIRE_CLIENTS=1 no test of a real client program passes by being skipped.

A module skipped as a whole counts too: nobody can tell what stood in it.
"""

import os
from collections.abc import Generator

import pytest

type Reports[R] = Generator[None, R, R]


def clients_are_required() -> bool:
    return os.environ.get("AXONHUB_REQUIRE_CLIENTS", "") not in ("", "0")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Reports[pytest.TestReport]:
    report = yield
    if item.get_closest_marker("client"):
        forbid_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Reports[pytest.CollectReport]:
    report = yield
    forbid_skip(report)
    return report


def forbid_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail") and clients_are_required():
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid}: {reason} (AXONHUB_REQUIRE_CLIENTS=1 forbids skipping it)"
