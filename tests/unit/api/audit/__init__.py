"""Tests of the API's audit."""
