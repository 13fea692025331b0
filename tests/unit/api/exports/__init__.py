"""Tests of the API's exports."""
