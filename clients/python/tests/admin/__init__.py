"""Tests of the pages for Django's admin."""
