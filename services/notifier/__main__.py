"""Run the notifier: ``python -m services.notifier``."""

import sys

from services.notifier.wiring import main

sys.exit(main())
