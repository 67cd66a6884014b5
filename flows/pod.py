"""Execute the flow run of this pod: what the jobs of work-pools/kubernetes.json call.

python -m flows.pod
"""

from __future__ import annotations

import sys

from flows.tracking.pod import execute

if __name__ == "__main__":
    sys.exit(execute())
