"""Tests of the registration of the App."""
