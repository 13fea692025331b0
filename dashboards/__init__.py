"""Grafana dashboards as code: what they show, and how they are published. Nothing here is needed to run Linli."""
