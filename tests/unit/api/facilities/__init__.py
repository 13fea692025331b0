"""Tests of the API's facilities."""
