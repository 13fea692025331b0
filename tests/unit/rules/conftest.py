"""What several modules of these tests start from."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.rules.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site with a running worker."""
    here = Site(tmp_path)
    yield here
    here.kill()
    here.database.close()
