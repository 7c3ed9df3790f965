"""Lists of images as people write them: headers, separators, backslashes, ids; or a sentence that names the column."""

from pathlib import Path

import pytest

from senet_viz.errors import SourceError
from senet_viz.images.opening import open_images
from tests.support import image_files as draw

FILES = ("img/a.jpg", "img/b.jpg")


def write_list(folder: Path, text: str, name: str = "list.csv") -> Path:
    for file in FILES:
        draw.write_file(folder / file, draw.draw_plain())
    return draw.write_file(folder / name, text.encode())


def read_list(path: Path, **columns: str) -> dict[str, str]:
    """The class of every image ("" without), each of which can be read."""
    source = open_images(path, **columns)
    for index in range(len(source)):
        source.load(index)
    named = {-1: "", **dict(enumerate(source.classes.names))}
    return {source.sample_id(index): named[int(source.labels[index])] for index in range(len(source))}


@pytest.mark.parametrize(
    "header",
    [
        "img_path,class_id", "images,labels", "fname,labels", "Image Path,Class-Name", "id_code,diagnosis", "file_name,category",
        "filename,species", "ImageId,ClassId", "what,ever", "name,label", "photo,y", "image,genus", "path,target_id",
    ],
)  # fmt: skip
def test_headers_of_any_name_are_no_images(tmp_path: Path, header: str) -> None:
    path = write_list(tmp_path, f"{header}\nimg/a.jpg,dog\nimg/b.jpg,cat\n")
    assert read_list(path) == {"img/a.jpg": "dog", "img/b.jpg": "cat"}


@pytest.mark.parametrize("header", ["", "path{}label\n", "img{}klass\n"])
@pytest.mark.parametrize(("separator", "name"), [
    (";", "list.csv"), ("\t", "list.csv"), ("|", "list.csv"), (" ", "list.txt"), ("  ", "list.csv"), (",", "list.tsv"), (" ", "list.tsv"),
    ("\t", "list.txt"),
])  # fmt: skip
def test_separators_are_seen(tmp_path: Path, header: str, separator: str, name: str) -> None:
    text = header.format(separator) + f"img/a.jpg{separator}3\nimg/b.jpg{separator}10\n"
    assert read_list(write_list(tmp_path, text, name)) == {"img/a.jpg": "3", "img/b.jpg": "10"}


def test_a_separator_inside_a_name_parts_nothing(tmp_path: Path) -> None:
    draw.write_file(tmp_path / "img/c d.jpg", draw.draw_plain())
    draw.write_file(tmp_path / "img/e,f.jpg", draw.draw_plain())
    assert read_list(write_list(tmp_path, "img/a.jpg\nimg/c d.jpg\n")) == {"img/a.jpg": "", "img/c d.jpg": ""}
    assert read_list(write_list(tmp_path, "img/a.jpg;cat\nimg/e,f.jpg;cat, tame\n")) == {
        "img/a.jpg": "cat", "img/e,f.jpg": "cat, tame",
    }  # fmt: skip
    assert read_list(write_list(tmp_path, "img/c d.jpg 3\nimg/a.jpg 4\n")) == {"img/c d.jpg": "3", "img/a.jpg": "4"}


@pytest.mark.parametrize(
    "rows",
    [
        "img\\a.jpg,dog\nimg\\b.jpg,cat\n",
        "img/a,dog\nimg/b,cat\n",
        "a,dog\nb,cat\n",
        "a.jpg,dog\nb.jpg,cat\n",
        "id_code,diagnosis\na,dog\nb,cat\n",
        "id,breed\na,dog\nb,cat\n",
        "dog,img/a.jpg\ncat,img/b.jpg\n",
        "label,id\ndog,a\ncat,b\n",
        "a.jpg\tdog\t0\t32\t44\t62\nb.jpg\tcat\t1\t2\t3\t4\n",
        "sep=;\npath;label\nimg/a.jpg;dog\nimg/b.jpg;cat\n",
        'path, label\n"img/a.jpg", "dog"\n"img/b.jpg", "cat"\n',
    ],
)
def test_backslashes_ids_and_folders_between_lead_to_the_files(tmp_path: Path, rows: str) -> None:
    assert read_list(write_list(tmp_path, rows)) == {"img/a.jpg": "dog", "img/b.jpg": "cat"}


def test_each_file_may_lie_in_its_own_folder_and_the_lists_name_tells_two_apart(tmp_path: Path) -> None:
    for file in ("dog/1.jpg", "cat/2.jpg", "train_images/3.jpg", "test_images/3.jpg"):
        draw.write_file(tmp_path / file, draw.draw_plain())
    rows = b"file,label\n1.jpg,dog\n2,cat\n3.jpg,cat\n"
    assert read_list(draw.write_file(tmp_path / "train.csv", rows)) == {
        "dog/1.jpg": "dog", "cat/2.jpg": "cat", "train_images/3.jpg": "cat",
    }  # fmt: skip
    assert open_images(draw.write_file(tmp_path / "all.csv", rows)).sample_id(2) == "3.jpg"


def test_an_id_of_two_files_is_not_guessed(tmp_path: Path) -> None:
    draw.write_file(tmp_path / "img/a.png", draw.draw_plain(kind="PNG"))
    source = open_images(write_list(tmp_path, "path,label\nimg/a,dog\nimg/b,cat\n"))
    assert [source.sample_id(index) for index in range(2)] == ["img/a", "img/b.jpg"]


def test_two_names_of_one_file_are_one_image(tmp_path: Path) -> None:
    assert read_list(write_list(tmp_path, "path,label\nimg/a,dog\nimg\\a.jpg,dog\nimg/b,cat\n")) == {
        "img/a.jpg": "dog", "img/b.jpg": "cat",
    }  # fmt: skip
    with pytest.raises(SourceError, match=r"'img/a\.jpg' two labels"):
        open_images(write_list(tmp_path, "path,label\nimg/a,dog\nimg/a.jpg,cat\n"))


def test_columns_can_be_named(tmp_path: Path) -> None:
    path = write_list(tmp_path, "left,right,genus,kind\nimg/a.jpg,img/b.jpg,Canis,dog\nimg/b.jpg,img/a.jpg,Felis,cat\n")
    with pytest.raises(SourceError, match=r"has left, right, genus, kind\): name it with --image-column"):
        open_images(path)
    with pytest.raises(SourceError, match=r"--label-column, or say --label-column none"):
        open_images(path, image_column="left")
    with pytest.raises(SourceError, match=r"has no column 'middle': it has left, right, genus, kind"):
        open_images(path, image_column="middle")
    named = {"image_column": "Right", "label_column": "kind"}
    assert read_list(path, **named) == {"img/b.jpg": "dog", "img/a.jpg": "cat"}
    assert read_list(path, image_column="left", label_column="none") == {"img/a.jpg": "", "img/b.jpg": ""}


def test_other_sources_have_no_columns(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="digits has no columns"):
        open_images("digits", label_column="x")
    with pytest.raises(SourceError, match="has no columns"):
        open_images(draw.write_class_folders(tmp_path, ["a"]), image_column="x")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-bom", "cp1252"])
def test_lists_of_other_encodings_give_names_as_they_were_written(tmp_path: Path, encoding: str) -> None:
    text = "path\tlabel\nimg/a.jpg\tKäse\nimg/b.jpg\tcafé\n"
    path = write_list(tmp_path, "", "list.tsv")
    path.write_bytes(b"\xff\xfe" + text.encode("utf-16-le") if encoding.endswith("bom") else text.encode(encoding))
    assert read_list(path) == {"img/a.jpg": "Käse", "img/b.jpg": "café"}
    noted = any("Windows-1252" in note for note in open_images(path).notes)
    assert noted == (encoding == "cp1252")


def test_a_list_of_json_objects(tmp_path: Path) -> None:
    lines = ['{"file_name": "img/a.jpg", "label": "dog"}', "", '{"label": "cat", "file_name": "img/b.jpg", "year": 3}']
    path = write_list(tmp_path, "\n".join(lines), "metadata.jsonl")
    assert read_list(path) == {"img/a.jpg": "dog", "img/b.jpg": "cat"}
    for text in ("[1]\n", '{"label": \n', "nonsense\n", "[" * 100_000):
        with pytest.raises(SourceError, match=r"metadata\.jsonl could not be read as one JSON object a line"):
            open_images(draw.write_file(path, text.encode()))
