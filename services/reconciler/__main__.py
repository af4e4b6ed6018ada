"""The reconciler as a program: ``python -m services.reconciler``."""

import sys

from services.reconciler.wiring import main

sys.exit(main())
