"""Whose the credentials are that readers report: the cards, fobs and plates in events' data."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection


def persons_of_credentials(
    connection: Connection, community: str, values: Collection[str]
) -> Mapping[str, Sequence[str]]:
    """The ids of the persons whose each of these credentials is or was in a community, by its value as the readers report it; what is
    nobody's, as far as is known, is left out. A card may have been several persons', one after the other.

    Nobody has said yet whose they are: nothing is known of any.
    """
    del connection, community, values
    return {}
