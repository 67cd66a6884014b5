"""Execute the flow run of a process worker: what runs in the pool of `python -m flows.deploy --pool --process` call.

python -m flows.process
"""

from __future__ import annotations

import sys

from flows.tracking.process import execute

if __name__ == "__main__":
    sys.exit(execute())
