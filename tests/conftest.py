"""For all tests: property tests are not judged by the clock, which on a busy machine says nothing."""

from hypothesis import HealthCheck, settings

settings.register_profile("linli", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("linli")
