"""Execute the flow run of a process worker: what runs in the pool of `python -m flows.deploy --pool --process` call.

python -m flows.process
"""

from __future__ import annotations

import os
import sys

from flows.tracking.process import RUN, execute

if __name__ == "__main__":
    sys.exit(execute(os.environ.get(RUN, "")))
