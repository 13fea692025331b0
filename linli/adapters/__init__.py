"""The outside world behind the ports of `linli.ports`. Only composition roots import these."""
