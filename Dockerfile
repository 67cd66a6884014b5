# The image of the worker, the watchdog and every run. Build it from the root of the repository:
#   docker build --build-arg COMMIT=$(git rev-parse HEAD) --tag derived:1 .
# Any base will do that has `python3` (3.11 or newer, with venv) and CA certificates.
ARG BASE=docker.io/library/python:3.11-slim-bookworm

FROM ${BASE} AS built
COPY requirements-runtime.lock /build/
# Nothing of a pod uses what is removed here, about 220 MB: descriptions of 400 Google services, parts of Arrow for
# other stores and protocols, a second backend of zstandard, the pages of Prefect's UI, headers and tests.
RUN python3 -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --no-compile --no-deps --require-hashes \
        --requirement /build/requirements-runtime.lock \
    && cd /venv/lib/python3*/site-packages \
    && rm -rf googleapiclient/discovery_cache/documents zstandard/_cffi*.so prefect/server/ui prefect/server/ui-v2 \
        pyarrow/*flight* pyarrow/*s3* pyarrow/include pyarrow/src pyarrow/tests numpy/*/tests \
    && /venv/bin/pip uninstall --quiet --yes setuptools pip \
    && /venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash .
COPY flows /app/flows
COPY blocks /app/blocks
COPY tables /app/tables
COPY work-pools /app/work-pools
COPY prefect.yaml /app/
# Pods see /app read-only: what is not compiled here would be compiled anew by each of them.
RUN /venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /app/flows /app/blocks

FROM ${BASE}
COPY --from=built /venv /venv
COPY --from=built /app /app
ARG COMMIT=
# A pod's root is read-only; /tmp is the one place for what Prefect and a person's home would hold.
ENV PATH=/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    PREFECT_HOME=/tmp/prefect \
    DERIVED_HOME=/var/lib/derived \
    DO_NOT_TRACK=1 \
    DERIVED_GIT_COMMIT=${COMMIT}
WORKDIR /app
USER 10001:10001
