"""What is read of a tar before its images are: members of every form, damage, labels."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from senet_viz.errors import SourceError
from senet_viz.images.columns import FOUND, Columns
from senet_viz.images.index_cache import ShardIndex
from senet_viz.images.storage import StoredFile
from senet_viz.images.tar_index import DamagedTarError, index_tar, walk_tar
from tests.support.shards import build_tar

Members = list[tuple[str, bytes]]


def index(data: bytes, columns: Columns = FOUND) -> ShardIndex:
    return index_tar(StoredFile("x.tar", "d/x.tar", "", "", len(data), ""), io.BytesIO(data), columns)


def labels_of(members: Members, columns: Columns = FOUND) -> list[object]:
    return list(index(build_tar(members), columns).table.column("label").to_pylist())


def image(*names: str) -> Members:
    return [(name, b"pixels") for name in names]


SHORT, LONG, ENDLESS = "ü/ö.jpg", f"{'d' * 60}/{'e' * 60}.jpg", f"{'d' * 90}/{'e' * 150}.jpg"


@pytest.mark.parametrize(
    ("form", "name"),
    [
        *((tarfile.USTAR_FORMAT, name) for name in (SHORT, LONG)),
        *((form, name) for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT) for name in (SHORT, LONG, ENDLESS)),
    ],
)
def test_members_are_where_tarfile_says(form: int, name: str) -> None:
    data = build_tar([(name, b"x" * 700), ("b.cls", b""), ("c.png", b"y" * 512)], form=form)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        expected = [(info.name, info.offset_data, info.size, True) for info in tar]
    assert [tuple(member) for member in walk_tar(io.BytesIO(data), len(data))] == expected


def test_a_size_in_a_pax_header_counts() -> None:
    out = io.BytesIO()
    about = tarfile.TarInfo("a.jpg")
    about.size, about.pax_headers = 5, {"size": "5"}
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.addfile(about, io.BytesIO(b"12345"))
        tar.addfile(tarfile.TarInfo("b.jpg"))
    assert [(m.name, m.size) for m in walk_tar(out, len(out.getvalue()))] == [("a.jpg", 5), ("b.jpg", 0)]


def test_what_is_no_ordinary_file_is_left_out_and_named() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, kind in {
            "dir": tarfile.DIRTYPE, "link.jpg": tarfile.SYMTYPE, "hard.jpg": tarfile.LNKTYPE, "pipe.jpg": tarfile.FIFOTYPE,
            "device.jpg": tarfile.CHRTYPE,
        }.items():  # fmt: skip
            about = tarfile.TarInfo(name)
            about.type, about.linkname = kind, "../../etc/passwd"
            tar.addfile(about)
        real = tarfile.TarInfo("./d/a.jpg")
        real.size = 3
        tar.addfile(real, io.BytesIO(b"abc"))
        tar.addfile(tarfile.TarInfo("d/._a.jpg"))
        tar.addfile(tarfile.TarInfo("__MACOSX/a.jpg"))
    found = index(out.getvalue())
    assert found.table.column("key").to_pylist() == ["d/a"]
    assert found.about["left_out"] == [4, ["link.jpg", "hard.jpg", "pipe.jpg"]]


def test_sparse_members_are_left_out_and_what_follows_is_found() -> None:
    sparse = tarfile.TarInfo("s.jpg")
    sparse.type, sparse.size = tarfile.GNUTYPE_SPARSE, 512
    header = bytearray(sparse.tobuf(tarfile.GNU_FORMAT))
    header[482] = 1  # one more block of its map follows
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    pax = tarfile.TarInfo("p.jpg")
    pax.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
    data = bytes(header) + bytes(512) + b"z" * 512 + pax.tobuf(tarfile.PAX_FORMAT) + build_tar(image("a.jpg"))
    assert [(m.name, m.plain) for m in walk_tar(io.BytesIO(data), len(data))] == [
        ("s.jpg", False),
        ("p.jpg", False),
        ("a.jpg", True),
    ]


def test_a_map_of_a_sparse_member_that_does_not_end_is_damage() -> None:
    sparse = tarfile.TarInfo("s.jpg")
    sparse.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(sparse.tobuf(tarfile.GNU_FORMAT))
    header[482] = 1
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    for rest in (b"", b"x", b"\1" * 512 * 3):
        data = bytes(header) + rest
        with pytest.raises(DamagedTarError):
            list(walk_tar(io.BytesIO(data), len(data)))


def test_no_damaged_tar_is_taken_for_a_shorter_one() -> None:
    whole = build_tar(image("a.jpg", "b.jpg", "c.jpg"))
    second = bytearray(whole)
    second[1024 + 5] ^= 1  # in the second header, at which tarfile would stop without a word
    for data, said in {
        whole[:3072]: "ends at byte 3,072 without a tar's closing zeros",
        whole[:1600]: r"the member at byte 1,024 claims 6 bytes|ends at byte",
        whole[:1100]: "ends at byte 1,024",
        bytes(second): "no header of a tar is at byte 1,024",
        b"": "ends at byte 0",
        b"x" * 2000: "no header of a tar is at byte 0",
    }.items():
        with pytest.raises(SourceError, match=rf"^d/x\.tar could not be read as a tar \(.*({said})"):
            index(data)


@pytest.mark.parametrize("size", [2**33, 2**62, -1])
def test_huge_claims_are_refused_without_room_for_them(size: int) -> None:
    about = tarfile.TarInfo("a.jpg")
    about.size = size
    for kind in (tarfile.REGTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE, b"Z"):
        about.type = kind
        data = about.tobuf(tarfile.GNU_FORMAT) + bytes(2048)
        with pytest.raises(DamagedTarError, match="claims"):
            list(walk_tar(io.BytesIO(data), len(data)))


@pytest.mark.parametrize("records", [b"99 path=x\n", b"0 a=b\n", b"path\n", b"9 size=-1\n", b"99999999999999 a=b\n"])
def test_damaged_pax_headers_are_refused(records: bytes) -> None:
    about = tarfile.TarInfo("p")
    about.type, about.size = tarfile.XHDTYPE, len(records)
    data = about.tobuf() + records.ljust(512, b"\0") + build_tar(image("a.jpg"))
    with pytest.raises(DamagedTarError):
        list(walk_tar(io.BytesIO(data), len(data)))


def test_files_of_a_key_belong_together_wherever_they_are() -> None:
    members = [("1/b.cls", b"7"), *image("1/a.jpg", "1/b.JPG"), ("1/a.cls", b"3"), *image("2/a.tar.png")]
    found = index(build_tar(members)).table
    assert found.column("key").to_pylist() == ["1/a", "1/b", "2/a"]
    assert found.column("ending").to_pylist() == ["jpg", "jpg", "tar.png"]
    assert found.column("label").to_pylist() == [3, 7, None]


def test_two_images_of_a_key_are_refused_unless_one_is_named() -> None:
    members = image("a.left.jpg", "a.right.jpg")
    with pytest.raises(SourceError, match=r"several images under the key 'a' \('\.left\.jpg', '\.right\.jpg'\)"):
        index(build_tar(members))
    assert index(build_tar(members), Columns("right.jpg")).table.column("ending").to_pylist() == ["right.jpg"]
    mask = image("a.jpg", "a.seg.png")
    assert index(build_tar(mask)).table.column("ending").to_pylist() == ["jpg"]
    with pytest.raises(SourceError, match=r"holds 'a\.jpg' twice"):
        index(build_tar(image("a.jpg", "a.jpg")))


def test_keys_without_an_image_are_noted() -> None:
    assert index(build_tar([*image("a.jpg"), ("b.cls", b"1"), ("c.txt", b"x")])).about["bare"] == [2, ["b", "c"]]


def as_json(**fields: object) -> bytes:
    return json.dumps(fields).encode()


@pytest.mark.parametrize(
    ("members", "columns", "labels"),
    [
        ([("a.cls", b" 3\n"), ("b.cls", b"-1"), ("c.cls", b"")], FOUND, [3, -1, None]),
        ([("a.cls", b"cat"), ("b.cls", "Löwe".encode())], FOUND, ["cat", "Löwe", None]),
        ([("a.cls", b"1"), ("a.json", as_json(label=2)), ("a.txt", b"x")], FOUND, [1, None, None]),
        ([("a.json", as_json(label=2, width=9)), ("b.json", as_json(label=0))], FOUND, [2, 0, None]),
        ([("a.json", as_json(class_name="cat")), ("b.json", as_json(class_name=None))], FOUND, ["cat", None, None]),
        ([("a.json", as_json(label="7"))], FOUND, ["7", None, None]),
        ([("a.json", as_json(label=2.0))], FOUND, [2, None, None]),
        ([("a.json", as_json(width=9)), ("a.txt", b"cat")], FOUND, ["cat", None, None]),
        ([("a.txt", b"cat"), ("a.json", as_json(species=4))], Columns(None, "txt"), ["cat", None, None]),
        ([("a.txt", b"cat"), ("a.json", as_json(grade=4))], Columns(None, "grade"), [4, None, None]),
        ([("a.kind", b"cat")], Columns(None, ".kind"), ["cat", None, None]),
        ([("a.cls", b"cat")], Columns(None, "none"), [None, None, None]),
        ([("a.txt", b"\xff\xfe"), ("a.cls", b"1")], FOUND, [1, None, None]),
        ([("a.json", b"{"), ("b.json", b"x" * 70_000), ("a.cls", b"1")], FOUND, [1, None, None]),
        ([("a.json", b"{"), ("a.cls", b"\xff")], Columns(None, "none"), [None, None, None]),
    ],
)
def test_where_labels_are_from(members: Members, columns: Columns, labels: list[object]) -> None:
    assert labels_of([*image("a.jpg", "b.jpg", "c.jpg"), *members], columns) == labels


@pytest.mark.parametrize(
    ("members", "columns", "said"),
    [
        ([("a.cls", b"3"), ("b.cls", b"cat")], FOUND, r"by number and some by name \('3', 'cat' in \.cls\)"),
        ([("a.json", as_json(label=3)), ("b.json", as_json(label="3"))], FOUND, "by number and some by name"),
        ([("a.json", as_json(label=[1, 2]))], FOUND, "several labels"),
        ([("a.json", as_json(label=0.5))], FOUND, "label 0.5"),
        ([("a.json", as_json(label=10**30))], FOUND, "beyond 64 bits"),
        ([("a.json", b"{")], FOUND, r"a\.json in d/x\.tar could not be read as JSON"),
        ([("a.json", b"[" * 60_000)], FOUND, "could not be read as JSON"),
        ([("a.json", as_json(x="y" * 70_000))], FOUND, "over 64 KiB"),
        ([("a.json", as_json(label=1)), ("b.json", b"{")], FOUND, r"b\.json in d/x\.tar could not be read as JSON"),
        ([("a.txt", b"cat"), ("b.json", b"{")], FOUND, r"b\.json in d/x\.tar could not be read as JSON"),
        ([("a.txt", b"cat"), ("b.txt", b"\xff")], FOUND, r"b\.txt in d/x\.tar is no text in UTF-8"),
        ([("a.txt", "ä".encode() * 50_000)], FOUND, "captions, not classes"),
        ([("a.txt", b"a cat\non a mat")], FOUND, "captions, not classes"),
        ([("a.txt", b"word " * 100)], FOUND, "--label-column none"),
        ([("a.cls", b"\xff")], FOUND, "is no text in UTF-8"),
        ([("a.cls", b"1")], Columns(None, "species"), r"neither members \.species nor a field 'species'.* has \.jpg, \.cls"),
    ],
)  # fmt: skip
def test_labels_that_are_none(members: Members, columns: Columns, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        labels_of([*image("a.jpg", "b.jpg"), *members], columns)


def test_a_tar_of_gnu_tar_is_read(tmp_path: Path) -> None:
    """As written with an end of one block of zeros, which `tarfile` pads further."""
    data = build_tar(image("a.jpg"))
    assert index(data[: 1024 + 512]).table.num_rows == 1
