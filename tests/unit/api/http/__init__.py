"""Tests of the API's http."""
