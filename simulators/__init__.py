"""Simulated devices and scenarios, each with the alerts it must cause. They drive the real edge agent."""
