from pathlib import Path

import psycopg

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "django-insecure-abcdefghijklmnopqrstuvwxyz0123456789"
DEBUG = True
ALLOWED_HOSTS = []
ROOT_URLCONF = "tides.urls"
INSTALLED_APPS = ["django.contrib.staticfiles"]
WSGI_APPLICATION = "tides.wsgi.application"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
STATIC_URL = "static/"
LIBPQ = psycopg.pq.version()
