"""Tests of the API's rulebook."""
