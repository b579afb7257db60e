from .base import *  # noqa: F403

DEBUG = True
SECRET_KEY = "not-secret"
INSTALLED_APPS += ["debug_toolbar"]  # noqa: F405
