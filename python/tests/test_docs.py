"""What README.md and docs/python.md show runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("document", ["README.md", "docs/python.md"])
def test_snippets_run(document: str, tmp_path: Path) -> None:
    text = (ROOT / document).read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert blocks
    shutil.copy(ROOT / "programs" / "sort.c", tmp_path / "program.c")
    script = "\n".join(blocks) + "\nenvs.reset(seed=1)\nenvs.close()\nenv.close()\n"
    result = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
