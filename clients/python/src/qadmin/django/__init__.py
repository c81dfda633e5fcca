"""Pages for the admin of Django: which messages fill a queue, who sends them, and clearing them with care.

INSTALLED_APPS += ["qadmin.django"] and QADMIN = {"URL": "redis://..."} in the settings are all that it needs. See
docs/django.md.
"""
