from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path

urlpatterns = [
    path("", lambda request: render(request, "notes/home.html")),
    path("healthz", lambda request: HttpResponse("ok")),
]
