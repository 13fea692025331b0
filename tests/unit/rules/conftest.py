"""What several modules of these tests start from."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.rules.site import Site


@pytest.fixture
def site(tmp_path: Path, database_url: str) -> Iterator[Site]:
    """A site with a running worker."""
    here = Site(tmp_path, database_url)
    yield here
    here.kill()
    here.database.close()
