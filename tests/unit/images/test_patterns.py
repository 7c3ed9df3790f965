"""Braces and wildcards: which shards a pattern stands for."""

from pathlib import Path

import fsspec
import pytest

from senet_viz.errors import SourceError
from senet_viz.images.opening import open_images
from senet_viz.images.patterns import expand_braces, find_remote_shards, find_shards, is_pattern
from tests.support import image_files as draw


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("x.tar", ["x.tar"]),
        ("{08..11}.tar", ["08.tar", "09.tar", "10.tar", "11.tar"]),
        ("a-{000..002}", ["a-000", "a-001", "a-002"]),
        ("{3..1}", ["3", "2", "1"]),
        ("{0..10..5}", ["0", "5", "10"]),
        ("{a,b}/{1..2}", ["a/1", "a/2", "b/1", "b/2"]),
        ("{a,{b,c}}", ["a", "b", "c"]),
        ("{a,a}", ["a"]),
        ("{x}.tar", ["{x}.tar"]),
        ("{}", ["{}"]),
        ("{1..2", ["{1..2"]),
        ("{-1..1}", ["-1", "0", "1"]),
    ],
)
def test_braces_stand_for_names_as_in_a_shell(pattern: str, names: list[str]) -> None:
    assert sorted(expand_braces(pattern)) == sorted(names)
    assert is_pattern(pattern) == (names != [pattern])


@pytest.mark.parametrize("pattern", ["{0..99999999999}.tar", "{000..999}{000..999}.tar"])
def test_too_many_names_are_refused_before_they_are_made(pattern: str) -> None:
    with pytest.raises(SourceError, match="names over 100,000 shards"):
        expand_braces(pattern)


def test_shards_are_named_below_the_fixed_part_of_a_pattern(tmp_path: Path) -> None:
    for name in ("a/1.tar", "a/2.tar", "b/1.tar", "b/note.txt", "b/.x.tar"):
        draw.write_file(tmp_path / "d" / name, b"x")
    files = find_shards(tmp_path / "d/{a,b}/*.tar", "d")
    assert [file.name for file in files] == ["a/1.tar", "a/2.tar", "b/1.tar"]
    assert [file.name for file in find_shards(tmp_path / "d/a/{1..2}.tar", "d")] == ["1.tar", "2.tar"]
    with pytest.raises(SourceError, match=r"3\.tar, which d/\{1\.\.3\} names, does not exist"):
        find_shards(tmp_path / "d/a/{1..3}.tar", "d/{1..3}")
    with pytest.raises(SourceError, match=r"neither \.parquet nor \.tar"):
        find_shards(tmp_path / "d/b/{1.tar,note.txt}", "d")
    draw.write_file(tmp_path / "d/a/3.parquet", b"x")
    with pytest.raises(SourceError, match="finds Parquet and tars"):
        find_shards(tmp_path / "d/a/*", "d")


def test_a_file_whose_name_has_braces_is_itself(tmp_path: Path) -> None:
    draw.write_parquet(tmp_path / "{1..2}.parquet", [draw.draw_plain()], [0])
    assert len(open_images(tmp_path / "{1..2}.parquet")) == 1


def test_urls_are_found_like_paths() -> None:
    files = fsspec.filesystem("memory")
    for name in ("p/a/1.tar", "p/a/2.tar", "p/b/1.tar", "p/b/note.txt"):
        files.pipe_file(f"/{name}", b"x")
    try:
        for url, names in {
            "memory://p/{a,b}/*.tar": ["a/1.tar", "a/2.tar", "b/1.tar"],
            "memory://p/a/{1..2}.tar": ["1.tar", "2.tar"],
            "memory://p/a/2.tar": ["2.tar"],
            "memory://p/a/": ["1.tar", "2.tar"],
            "memory://p/**/*.tar": ["a/1.tar", "a/2.tar", "b/1.tar"],
        }.items():
            assert [file.name for file in find_remote_shards(url, url)] == names
        with pytest.raises(SourceError, match=r"memory:///p/a/3\.tar, which .* names, does not exist"):
            find_remote_shards("memory://p/a/{1..3}.tar", "memory://p/a/{1..3}.tar")
        for url in ("memory://p/c/*.tar", "memory://p/b/*.parquet"):
            with pytest.raises(SourceError, match=r"No \.parquet or \.tar file matches"):
                find_remote_shards(url, url)
        with pytest.raises(SourceError, match="no folder that holds such"):
            find_remote_shards("memory://p", "memory://p")
    finally:
        files.rm("/p", recursive=True)
