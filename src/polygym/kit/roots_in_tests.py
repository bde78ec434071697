"""A pytest plugin, `-p polygym.kit.roots_in_tests`: tests import components as the framework does, from all roots.

On its own, pytest takes the first folder `resources_servers` that it meets for the only one.
"""

import os
from pathlib import Path

from polygym.config.roots import search_roots
from polygym.fleet.loader import register_roots

register_roots(search_roots((), os.environ, Path.cwd()))
