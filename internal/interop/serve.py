"""Serves a program of docs/receiving.md: serve.py FOLDER NAME, on $PORT."""

import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

folder, name = sys.argv[1:]
address = ("127.0.0.1", int(os.environ["PORT"]))
sys.path.insert(0, folder)


def without_framework():
    from webhook import verify

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(204 if verify(body, self.headers) else 401)
            self.send_header("content-length", "0")
            self.end_headers()

    ThreadingHTTPServer(address, Handler).serve_forever()


def fastapi():
    import uvicorn
    from fastapi_app import app

    uvicorn.run(app, host=address[0], port=address[1], log_level="warning")


def flask():
    from flask_app import app

    app.run(*address)


def django():
    from wsgiref.simple_server import make_server

    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.urls import path

    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1"],
        SECRET_KEY="of a test",
        ROOT_URLCONF=__name__,
        MIDDLEWARE=["django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware"],
    )
    application = get_wsgi_application()
    import views

    global urlpatterns
    urlpatterns = [path("hooks", views.hooks)]
    make_server(*address, application).serve_forever()


{"webhook.py": without_framework, "fastapi_app.py": fastapi, "flask_app.py": flask, "views.py": django}[name]()
