"""The addresses of the project of the tests."""

from django.contrib import admin
from django.urls import path

from qadmin.django.admin import QueueAdmin
from qadmin.django.models import Queue


class OtherSite(admin.AdminSite):
    """Another site of the admin, with its own name."""

    site_header = "Operations"


other = OtherSite(name="operations")
other.register(Queue, QueueAdmin)

urlpatterns = [path("admin/", admin.site.urls), path("operations/", other.urls)]
