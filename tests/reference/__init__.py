"""What rules mean, a second time: plain, slow and one rule at a time, after docs/rules-semantics.md and not after the engine.

`tests/unit/rules/engine/test_reference.py` holds the engine to it on random rules and streams. Everything that was seen is
kept, and what a condition is, is worked out from all of it again each time it is asked for.
"""
