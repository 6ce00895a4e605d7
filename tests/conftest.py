"""What every test shares: how hypothesis searches."""

import os

from hypothesis import settings

# A time limit is no assertion, so there is no deadline; CI repeats the same examples every time.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")
