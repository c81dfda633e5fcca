"""The pages in Django's admin at work: `make django`.

Starts a throw-away server with the module, producers and a worker of Celery, and a project of Django with one
superuser. Everything listens on 127.0.0.1 only, and ends with Ctrl-C.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command

HERE = Path(__file__).resolve().parent
# The server is started as the tests do it.
sys.path[:0] = [str(HERE.parents[1] / "src"), str(HERE.parents[1] / "tests")]

from servers import Server  # noqa: E402

ROOT_URLCONF = "demo_urls"
# Messages at the start, and how many arrive per second afterwards.
BACKLOG = 5_000
PER_SECOND = 20


def configure(folder: str, url: str) -> None:
    """The project: the apps of Django's own template, and the queues."""
    parts = ("admin", "auth", "contenttypes", "sessions", "messages", "staticfiles")
    middleware = [
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ]
    processors = [
        "django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
    ]
    templates = "django.template.backends.django.DjangoTemplates"
    settings.configure(
        # runserver serves static files only with it, and nobody but this machine reaches it.
        DEBUG=True,
        SECRET_KEY="only for this demo",
        ALLOWED_HOSTS=["127.0.0.1", "localhost"],
        INSTALLED_APPS=[*(f"django.contrib.{name}" for name in parts), "qadmin.django"],
        MIDDLEWARE=middleware,
        ROOT_URLCONF=ROOT_URLCONF,
        TEMPLATES=[{"BACKEND": templates, "APP_DIRS": True, "OPTIONS": {"context_processors": processors}}],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": Path(folder) / "db.sqlite3"}},
        STATIC_URL="/static/",
        USE_TZ=True,
        QADMIN={"URL": url},
    )
    django.setup()
    call_command("migrate", verbosity=0)
    from django.contrib.auth.models import User

    User.objects.create_superuser("admin", password="admin")


def produce(stopped: threading.Event) -> None:
    import tasks

    choose = random.Random(7)
    sent = 0
    while not stopped.wait(0 if sent < BACKLOG else 1):
        tasks.send(PER_SECOND, choose)
        sent += PER_SECOND


def stop(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> None:
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8380
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    server = Server()
    worker = None
    stopped = threading.Event()
    producer = threading.Thread(target=produce, args=(stopped,))
    try:
        url = f"redis://127.0.0.1:{server.port}/0"
        os.environ["DEMO_URL"] = url
        with tempfile.TemporaryDirectory() as folder:
            configure(folder, url)
            producer.start()
            words = ["-m", "celery", "-A", "tasks", "worker", "--pool=solo", "--loglevel=ERROR", "--queues=celery,mail"]
            worker = subprocess.Popen([sys.executable, *words], cwd=HERE, stdout=subprocess.DEVNULL)
            print(f"http://127.0.0.1:{port}/admin/qadmin/queue/  user admin, password admin (Ctrl-C ends)", flush=True)
            call_command("runserver", f"127.0.0.1:{port}", "--noreload", "--skip-checks")
    except KeyboardInterrupt:
        pass
    finally:
        stopped.set()
        if worker is not None:
            worker.kill()
            worker.wait()
        if producer.is_alive():
            producer.join()
        server.stop()


if __name__ == "__main__":
    main()
