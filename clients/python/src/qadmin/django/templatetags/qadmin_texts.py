"""The functions of `texts` as filters of templates."""

from __future__ import annotations

from django import template

from .. import texts

register = template.Library()

for _filter in (texts.shown, texts.duration, texts.moment, texts.number, texts.size, texts.token):
    register.filter(_filter.__name__, _filter)
