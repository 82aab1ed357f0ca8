"""Commands that run no gateway start without what only a gateway needs."""

import subprocess
import sys

from tests.gateway.process import ROOT

SLOW = ("mitmproxy", "botocore", "google", "fastapi", "uvicorn", "h2")


def test_commands_import_no_mitmproxy_and_no_cloud():
    program = "import sys, tests.conftest; from axonhub.addons import main, operations; print(*sys.modules)"

    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert set() == set(SLOW) & set(ran.stdout.split())
