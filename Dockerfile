# One recipe for every service: docker build --build-arg SERVICE=drift .
FROM python:3.11-slim AS build
ARG SERVICE
RUN pip install --no-cache-dir uv
WORKDIR /app
COPY pyproject.toml README.md requirements/all.lock ./
COPY schemas schemas
COPY driftline driftline
# The lock pins versions; the extra of the service says which of them it needs.
RUN uv venv /venv && \
    VIRTUAL_ENV=/venv uv pip install --no-cache --compile-bytecode --constraint all.lock ".[${SERVICE}-service]"

FROM python:3.11-slim
ARG SERVICE
ENV SERVICE=${SERVICE} \
    PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    NUMBA_CACHE_DIR=/var/cache/driftline/numba
RUN useradd --system --uid 10001 --create-home driftline && \
    mkdir -p /var/lib/driftline /var/lib/witness /var/lib/archive /var/cache/driftline/numba && \
    chown -R driftline /var/lib/driftline /var/lib/witness /var/lib/archive /var/cache/driftline
COPY --from=build /venv /venv
WORKDIR /app
COPY services services
COPY docs/runbooks docs/runbooks
USER driftline
# Compile the kernels into the image, so that the first batch is as quick as the next; most services have none.
RUN python -m services.kernels ${SERVICE}
VOLUME /var/lib/driftline
EXPOSE 8080
CMD ["sh", "-c", "exec python -m services.${SERVICE}"]
