# Images of the project. None has an ENTRYPOINT: Kubeflow gives the command of each step, and Docker would put an
# entry point before it. The user is a number, as `runAsNonRoot` demands.
#
#   docker build -t adrec-pipeline:1 .
#   docker build --target serve -t adrec-serve:1 .

FROM python:3.11-slim-bookworm AS base
# The root file system may be read-only and the user unknown to it: what libraries keep goes to /tmp, and the user has a
# name (LOGNAME) even where /etc/passwd has none for its number.
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    HOME=/tmp LOGNAME=adrec DVC_SITE_CACHE_DIR=/tmp/dvc BENTOML_DO_NOT_TRACK=True
WORKDIR /app
COPY constraints.txt ./
RUN pip install -c constraints.txt torch==2.13.0

# The service, for the Bento that is mounted at /bento; the feature store is named by ADREC_FEATURES_DIR.
FROM base AS serve
RUN pip install -c constraints.txt \
    bentoml "feast[duckdb,redis]" httpx numpy polars prometheus-client pyarrow pydantic pyyaml safetensors
USER 1000
EXPOSE 3000
CMD ["bentoml", "serve", "/bento", "--port", "3000"]

# Every step of the training pipeline.
FROM base AS train
# g++ is for model.compile.
RUN apt-get update && apt-get install --yes --no-install-recommends g++ git && rm -rf /var/lib/apt/lists/*
COPY pyproject.toml README.md ./
COPY adrec adrec
COPY components components
COPY features features
COPY pipelines pipelines
COPY serving serving
COPY params.yaml ./
# In place, not in site-packages: a Bento takes its sources from here.
RUN pip install -c constraints.txt -e .
# Where the steps write what has no other place: the registry and the feature store of a trial run, gone with the pod.
RUN mkdir artifacts && chown 1000 artifacts
# What a training stage keeps between its epochs; a volume here lets another pod go on (docs/pipelines.md).
ENV ADREC_PROGRESS_DIR=/tmp/progress
USER 1000
