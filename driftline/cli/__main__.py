"""`python -m driftline.cli`: the command where the script `driftline` is not on the path."""

from driftline.cli import main

main()
