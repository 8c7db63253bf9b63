"""What the console needs to start."""

import subprocess
import sys


def test_the_console_needs_no_mathematics():
    """Pages show what others computed: a console is a small process."""
    script = "import sys, services.console.app; print(sorted({'numba', 'scipy', 'sqlglot', 'river', 'pyarrow', 'pandas'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
