from django.http import HttpResponse
from django.templatetags.static import static
from django.urls import path

urlpatterns = [
    path("healthz", lambda request: HttpResponse("ok")),
    path("", lambda request: HttpResponse(f'<link rel="stylesheet" href="{static("site.css")}"><h1>Shop</h1>')),
]
