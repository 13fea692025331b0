"""What people type to find a place, read as an address."""

import pytest

from api.registry.browsing import Asked, read_words


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("望湖苑 12号楼 1单元 1203室", Asked(("望湖苑",), "12", "1", "1203")),
        ("望湖苑12号楼1单元1203室", Asked(("望湖苑",), "12", "1", "1203")),
        ("望湖区 / 湖滨居委会 / 望湖苑 / 12号楼 / 1203室", Asked(("望湖区", "湖滨居委会", "望湖苑"), "12", "", "1203")),
        ("望湖苑12幢", Asked(("望湖苑",), "12")),
        ("12-1-1203", Asked((), "12", "1", "1203")),
        ("3A-1203", Asked((), "3A", "", "1203")),
        ("望湖苑 12-1203", Asked(("望湖苑",), "12", "", "1203")),
        ("Lakeview Court / Building 12 / Unit 1 / Room 1203", Asked(("Lakeview Court",), "12", "1", "1203")),
        ("Lakeview Court building 12 room 1203", Asked(("Lakeview", "Court"), "12", "", "1203")),
        ("摄像机", Asked(("摄像机",))),
        ("SN-2041", Asked(("SN-2041",))),
        ("c001-cam-05", Asked(("c001-cam-05",))),
        ("/", Asked(())),
    ],
)
def test_an_address_is_read_as_people_write_it(typed: str, asked: Asked) -> None:
    """In one piece or several, with or without what lies above, in either language; and a name or serial is none."""
    assert read_words(typed) == asked
