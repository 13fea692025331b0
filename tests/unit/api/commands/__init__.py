"""Tests of the API's commands."""
