"""How far the property tests look: seconds as they are committed, the same each time; by hand as far as one likes.

REFERENCE_EXAMPLES=5000 python -m pytest tests/unit/rules/engine/test_reference.py --timeout 3600
"""

import os

from hypothesis import Phase, settings

BY_HAND = os.environ.get("REFERENCE_EXAMPLES")

looking = settings(
    max_examples=int(BY_HAND or 40),
    derandomize=BY_HAND is None,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
)
"""Without the phase that explains: it traces every line, and takes longer than all the others."""
