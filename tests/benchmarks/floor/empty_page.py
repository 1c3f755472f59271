"""A page with nothing on it."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

PAGE = b"<!doctype html><html lang=en><title>Empty</title><body></body></html>"


def empty(request: HttpRequest) -> HttpResponse:
    return HttpResponse(PAGE)


urlpatterns = [path("empty/", empty)]
