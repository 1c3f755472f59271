# The production image: requirements.txt and the product's own packages, nothing else.
FROM python:3.11-slim-bookworm AS build
COPY requirements-setup.txt requirements.txt /build/
RUN python -m venv /venv \
    && /venv/bin/python -m pip install --no-cache-dir --require-hashes -r /build/requirements-setup.txt \
    && /venv/bin/python -m uv pip install --no-cache --compile-bytecode --require-hashes -r /build/requirements.txt \
    && /venv/bin/python -m uv pip uninstall uv

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --home-dir /nonexistent oms
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DJANGO_SETTINGS_MODULE=oms.settings.production
COPY --from=build /venv /venv
WORKDIR /app
COPY . .
# Collecting needs settings but no secret and no service.
RUN SECRET_KEY=unused OMS_FIELD_KEYS=unused ALLOWED_HOSTS=localhost \
    DATABASE_URL=postgresql://unused REDIS_URL=redis://unused CELERY_BROKER_URL=redis://unused \
    python manage.py collectstatic --noinput
USER oms
EXPOSE 8000
CMD ["gunicorn", "oms.wsgi", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", "--workers", "2", "--threads", "4"]
