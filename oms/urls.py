from django.contrib import admin
from django.urls import include, path

from oms import health

# Includes are strings on purpose: the kernel must not import the layers above it.
urlpatterns = [
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("admin/", admin.site.urls),
    path("api/v1/", include("api.v1.urls")),
    path("", include("console.urls")),
]
