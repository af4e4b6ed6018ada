"""Run the source service: ``python -m services.source``."""

import sys

from services.source.wiring import main

sys.exit(main())
