"""Files that are written whole, to places that were tried out before."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgegan.errors import UsageError
from edgegan.output_file import check_writable, write_whole


def test_folders_are_made_and_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "reports" / "gates.xml"
    check_writable(path, "--junit")
    assert list(path.parent.iterdir()) == []
    write_whole(path, "ä", "--junit")
    assert path.read_bytes() == "ä".encode()
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o644


def test_checking_leaves_a_present_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "gates.xml"
    path.write_text("before")
    check_writable(path, "--junit")
    assert path.read_text() == "before"


def test_a_link_keeps_pointing(tmp_path: Path) -> None:
    target, link = tmp_path / "real.xml", tmp_path / "link.xml"
    target.write_text("before")
    link.symlink_to(target)
    write_whole(link, "after", "--junit")
    assert link.is_symlink()
    assert target.read_text() == "after"


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "gates.xml"
    path.write_text("before")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "half\udc80", "--junit")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["folder", "file/gates.xml", "device", "x" * 300])
def test_impossible_places(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "device").symlink_to("/dev/null")
    with pytest.raises(UsageError, match=r"--junit .* cannot be written \(.+\); choose another"):
        check_writable(tmp_path / name, "--junit")
    assert (tmp_path / "file").read_text() == ""
