"""The table of ImageNet's superclasses is complete and can be made again; a user's table says what is wrong with it."""

import csv
from pathlib import Path

import numpy as np
import pytest

from senet_viz.errors import ArgumentError
from senet_viz.recording.reader import open_recording
from senet_viz.schema import ClassTable
from senet_viz.stats.superclasses import NO_SUPERCLASS, read_superclasses, wordnet_superclasses
from tools.build_superclasses import CUTS, FOLDER, TABLE, build_table, nearest_cut, read_cuts, read_hypernyms

BUNDLED = Path(__file__).parents[3] / "checkpoints" / "seresnet50-w050-64px" / "recording"
WORDNET = Path("/usr/share/wordnet/data.noun")
needs_wordnet = pytest.mark.skipif(not WORDNET.is_file(), reason="Debian's wordnet-base is not installed")
CLASSES = ClassTable(
    ("tench, Tinca tinca", "7", "crane", "crane"), ("n01440764", "n01443537", "n02012849", "n03126707")
)


def rows() -> list[dict[str, str]]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_each_of_the_thousand_classes_has_a_superclass_of_the_list() -> None:
    cuts = read_cuts()
    assert len({row["wnid"] for row in rows()}) == len(rows()) == 1000
    assert all(cuts[row["superclass_wnid"]] == row["superclass"] for row in rows())
    used = {row["superclass"] for row in rows()}
    assert used == set(cuts.values()), "a listed superclass without a class is a slip"
    assert 20 <= len(used) <= 40


@pytest.mark.parametrize(
    ("wnid", "superclass"),
    [
        ("n02110958", "dog"),  # pug
        ("n01443537", "fish"),  # goldfish
        ("n02690373", "ship or aircraft"),  # airliner
        ("n09246464", "landform"),  # cliff
        ("n02123045", "cat"),  # tabby
        ("n03100240", "land vehicle"),  # convertible
        ("n07747607", "flower or fruit"),  # orange
        ("n02676566", "musical instrument"),  # acoustic guitar
    ],
)
def test_familiar_classes_are_where_one_looks_for_them(wnid: str, superclass: str) -> None:
    result = wordnet_superclasses(ClassTable(("one",), (wnid,)))
    assert result.names == (superclass,)
    assert list(result.of_class) == [0]


def test_the_bundled_recordings_classes_all_have_one() -> None:
    result = wordnet_superclasses(open_recording(BUNDLED).classes)
    assert (result.of_class == NO_SUPERCLASS).sum() == 0
    assert set(result.of_class) == set(range(len(result.names)))
    assert list(result.names) == sorted(result.names)


def test_classes_outside_imagenet_have_none() -> None:
    result = wordnet_superclasses(ClassTable(("pug", "unheard of"), ("n02110958", "n99999999")))
    assert list(result.of_class) == [0, -1]
    assert (result.of_class == NO_SUPERCLASS).sum() == 1


@pytest.mark.parametrize("classes", [ClassTable(("a", "b")), ClassTable(("a",), ("n99999999",))])
def test_no_wnid_of_imagenet_is_refused(classes: ClassTable) -> None:
    with pytest.raises(ArgumentError, match="class,superclass"):
        wordnet_superclasses(classes)


@needs_wordnet
def test_the_table_is_what_the_command_makes_of_wordnet() -> None:
    made = build_table([row["wnid"] for row in rows()], read_hypernyms(WORDNET), read_cuts())
    assert made == TABLE.read_text(encoding="utf-8")


@needs_wordnet
def test_the_licence_beside_the_table_is_wordnets() -> None:
    head = [line[3:] for line in WORDNET.read_text(encoding="utf-8").splitlines() if line.startswith("  ")]
    notice = (FOLDER / "WORDNET_LICENSE.txt").read_text(encoding="utf-8")
    assert notice.split() == [word for line in head for word in line.split() if not word.isdigit() or word == "2006"]


def noun(offset: int, word: str, *pointers: tuple[str, int]) -> str:
    links = "".join(f" {symbol} {target:08d} n 0000" for symbol, target in pointers)
    return f"{offset:08d} 03 n 02 {word} 0 other_word 0 {len(pointers):03d}{links} | a gloss | with a bar  \n"


def test_the_nearest_listed_ancestor_counts_and_the_first_listed_among_equals(tmp_path: Path) -> None:
    file = tmp_path / "data.noun"
    file.write_text(
        "  1 a licence\n"
        + noun(1, "root")
        + noun(2, "left", ("@", 1), ("~", 4))
        + noun(3, "right", ("@", 1))
        + noun(4, "between", ("@", 2), ("@", 3))
        + noun(5, "far", ("+", 2), ("@", 6))
        + noun(6, "farther", ("@i", 3)),
        encoding="utf-8",
    )
    hypernyms = read_hypernyms(file)
    name = "n{:08d}".format
    assert hypernyms[name(5)] == (name(6),), "only hypernyms, not derived forms or hyponyms"
    assert nearest_cut(name(4), hypernyms, [name(3), name(2), name(1)]) == name(3)
    assert nearest_cut(name(4), hypernyms, [name(2), name(3), name(1)]) == name(2)
    assert nearest_cut(name(5), hypernyms, [name(1), name(3)]) == name(3), "an instance's class is an ancestor too"
    assert nearest_cut(name(2), hypernyms, [name(1), name(2)]) == name(2), "the class itself counts"
    with pytest.raises(KeyError, match="No listed synset"):
        nearest_cut(name(2), hypernyms, [name(3)])
    assert CUTS.parent == TABLE.parent


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "groups.csv"
    path.write_text(text, encoding="utf-8-sig")
    return path


def test_a_users_table_names_classes_by_wnid_name_or_index(tmp_path: Path) -> None:
    table = "note,superclass,class\nx, animal ,tench\n,animal,7\n\n,bird,n02012849\n,machine,3\n"
    result = read_superclasses(written(tmp_path, table), CLASSES)
    assert result.names == ("animal", "bird", "machine")
    assert list(result.of_class) == [0, 0, 1, 2]
    assert "groups.csv" in result.source


def test_classes_that_are_not_listed_have_no_superclass(tmp_path: Path) -> None:
    result = read_superclasses(written(tmp_path, "class,superclass\n0,animal\n"), CLASSES)
    np.testing.assert_array_equal(result.of_class, [0, -1, -1, -1])
    assert (result.of_class == NO_SUPERCLASS).sum() == 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "needs the columns"),
        ("class,group\ntench,animal\n", "needs the columns"),
        ("class,class,superclass\ntench,tench,animal\n", "each once"),
        ("class,superclass\n", "lists no class"),
        ("class,superclass\ntench,\n", "line 2.*empty"),
        ("class,superclass\ntench,animal\nunicorn,animal\n", "line 3.*unicorn"),
        ("class,superclass\n4,animal\n", "line 2.*'4'"),
        ("class,superclass\ncrane,bird\n", "line 2.*2 classes"),
        ("class,superclass\ntench,animal\n0,fish\n", "line 3.*twice"),
    ],
)
def test_what_is_wrong_with_a_table_is_told_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ArgumentError, match=says):
        read_superclasses(written(tmp_path, text), CLASSES)


@pytest.mark.parametrize("content", [None, b"class,superclass\n\xff\xfe,animal\n", b'class,superclass\n"a"b,c\n'])
def test_an_unreadable_table_is_told_in_one_sentence(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "groups.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ArgumentError, match=r"groups\.csv cannot be read"):
        read_superclasses(path, CLASSES)
