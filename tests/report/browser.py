"""Looks at pages in a browser: see check_page.js."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest


def faults_in_browser(*pages: Path | str, script: Path | str = "check_page.js") -> list[str]:
    """List what is wrong with pages, in sentences; skips where there is no browser to look with.

    Pages are files, or what else the script takes, which lies beside this file or where it says.

    Needs node, Chromium or Chrome, and `npm install --global playwright-core axe-core`, or these
    two anywhere that NODE_PATH names.
    """
    browser = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)
    if browser is None or shutil.which("node") is None:
        pytest.skip("no browser, or no node to drive it")
    run = {"capture_output": True, "text": True, "timeout": 500}
    root = subprocess.run(["npm", "root", "--global"], **run).stdout.strip()
    paths = os.pathsep.join(filter(None, [os.environ.get("NODE_PATH"), root]))
    environment = {**os.environ, "NODE_PATH": paths}
    needed = ["node", "-e", "require('playwright-core'); require.resolve('axe-core')"]
    if subprocess.run(needed, env=environment, **run).returncode:
        pytest.skip(
            "no playwright-core and axe-core: npm install --global playwright-core axe-core"
        )
    command = ["node", str(Path(__file__).parent / script), browser, *map(str, pages)]
    done = subprocess.run(command, env=environment, **run)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
