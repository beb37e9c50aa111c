"""python -m compiler_gym_service.cli."""

import sys

from . import main

sys.exit(main())
