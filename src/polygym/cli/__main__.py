"""`python -m polygym.cli`, the same as `gym`."""

from polygym.cli import main

main()
