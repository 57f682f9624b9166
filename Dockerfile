# The hub as a service: settings from HUB_* or hub.toml in the volume /var/lib/hub (docs/settings.md), keys there too.
# BASE: any Debian with Python >= 3.11 and its venv module; both stages start from it, so that the venv fits.
ARG BASE=python:3.13-slim-bookworm

FROM ${BASE} AS build
WORKDIR /src
RUN python3 -m venv /opt/hub
COPY constraints.txt ./
RUN /opt/hub/bin/python -m pip install --no-cache-dir -c constraints.txt pip
COPY pyproject.toml README.md ./
COPY schema ./schema
COPY policies ./policies
COPY connectors ./connectors
COPY hub ./hub
RUN /opt/hub/bin/python -m pip install --no-cache-dir -c constraints.txt --build-constraint constraints.txt .

FROM ${BASE}
RUN groupadd --system --gid 10001 hub \
 && useradd --system --uid 10001 --gid hub --home-dir /var/lib/hub --shell /usr/sbin/nologin hub \
 && install -d -o hub -g hub -m 0700 /var/lib/hub
COPY --from=build /opt/hub /opt/hub
ENV PATH=/opt/hub/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HUB_KEYS=/var/lib/hub/keys \
    HUB_HOST=0.0.0.0 \
    HUB_PORT=8000
USER 10001:10001
WORKDIR /var/lib/hub
VOLUME ["/var/lib/hub"]
EXPOSE 8000
# Only that the process answers; whether its sources, log and policy do is `/readyz`, for the one who sends it requests.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 CMD ["python3", "-c", "import os, urllib.request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:' + os.environ['HUB_PORT'] + '/healthz', timeout=2)"]
STOPSIGNAL SIGTERM
CMD ["hub", "serve"]
