"""The programs that the README and the documentation show are run, and do what they say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def blocks(document, language):
    """Returns the fenced blocks of that language in a Markdown file."""
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / document).read_text(), re.M | re.S)


def run(*command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_first_program_of_the_readme():
    (program,) = blocks("README.md", "python")
    done = run(sys.executable, "-W", "error", "-c", program)
    assert (done.returncode, done.stderr) == (0, "")
    first, stats = done.stdout.splitlines()
    assert first == "first is done and second is done"
    tasks, futures = map(int, re.fullmatch(r"Stats\(tasks=(\d+), futures=(\d+)\)", stats).groups())
    assert tasks >= 3
    assert futures >= 2


def test_first_program_of_the_bridge():
    (program,) = blocks("docs/bridge.md", "python")
    done = run(sys.executable, "-W", "error", "-c", program)
    assert (done.returncode, done.stdout, done.stderr) == (0, "6 b'a note' 45\n", "")


@pytest.mark.parametrize("document", ["README.md", "docs/usage.md"])
def test_commands_that_are_named_exist(document):
    text = (ROOT / document).read_text()
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?:^|`)make ([a-z-]+)", text, re.M):
        assert re.search(rf"^{target}:", makefile, re.M), target
    options = run(sys.executable, "-m", "aioxide", "--help").stdout
    for option in re.findall(r"`(--[a-z]+)", text):
        assert option in options, option


@pytest.mark.parametrize("folder", [".", "docs", "examples"])
def test_links_lead_somewhere(folder):
    documents = list((ROOT / folder).glob("*.md"))
    assert documents
    for document in documents:
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / link).exists(), f"{link} in {document.name}"
