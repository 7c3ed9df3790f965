"""Groups the 1,000 ImageNet classes by WordNet: writes senet_viz/stats/imagenet_superclasses.csv.

python tools/build_superclasses.py --wordnet /usr/share/wordnet/data.noun

Rule: `superclass_cuts.csv` lists synsets of the hypernym tree with the superclass that each stands for. A class gets
the superclass of its nearest listed ancestor: the fewest steps up, itself included; among equally near ones, the one
that is listed first. The last synset listed is the root, so that every class gets one.

data.noun is WordNet 3.0's, as Debian's wordnet-base installs it; a synset's wnid is "n" and its offset there. The wnids
of the classes are timm's.
"""

import argparse
import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "senet_viz" / "stats"
CUTS = FOLDER / "superclass_cuts.csv"
TABLE = FOLDER / "imagenet_superclasses.csv"


def read_hypernyms(path: Path) -> dict[str, tuple[str, ...]]:
    """Hypernyms of every noun synset (classes and instances), by wnid, in the file's order.

    A line of data.noun is: offset, lexicographer file, type, number of words in hex, (word, id) of each, number of
    pointers, (symbol, offset, part of speech, source and target) of each, a bar and the gloss.
    """
    hypernyms: dict[str, tuple[str, ...]] = {}
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("  "):  # the licence
                continue
            fields = line.split(" | ")[0].split()
            first = 4 + 2 * int(fields[3], 16)
            pointers = [fields[first + 1 + 4 * i : first + 3 + 4 * i] for i in range(int(fields[first]))]
            hypernyms[f"n{fields[0]}"] = tuple(f"n{offset}" for symbol, offset in pointers if symbol in ("@", "@i"))
    return hypernyms


def read_cuts(path: Path = CUTS) -> dict[str, str]:
    """Superclass of each listed synset, in the order of the list."""
    with path.open(encoding="utf-8", newline="") as file:
        return {row["wnid"]: row["superclass"] for row in csv.DictReader(file)}


def nearest_cut(wnid: str, hypernyms: Mapping[str, tuple[str, ...]], cuts: Iterable[str]) -> str:
    """The listed ancestor that is the fewest steps up; the first listed among equals.

    Raises:
        KeyError: the synset, or none of its ancestors, is known.
    """
    rank = {cut: place for place, cut in enumerate(cuts)}
    level, seen = [wnid], {wnid}
    while level:
        found = [synset for synset in level if synset in rank]
        if found:
            return min(found, key=rank.__getitem__)
        level = [up for up in dict.fromkeys(up for synset in level for up in hypernyms[synset]) if up not in seen]
        seen.update(level)
    raise KeyError(f"No listed synset lies above {wnid}.")


def build_table(wnids: Iterable[str], hypernyms: Mapping[str, tuple[str, ...]], cuts: Mapping[str, str]) -> str:
    """The table as CSV: wnid, superclass_wnid (the synset of the list), superclass."""
    rows = ["wnid,superclass_wnid,superclass"]
    for wnid in wnids:
        cut = nearest_cut(wnid, hypernyms, cuts)
        rows.append(f"{wnid},{cut},{cuts[cut]}")
    return "\n".join(rows) + "\n"


def imagenet_wnids() -> list[str]:
    """Wnids of the 1,000 classes in the order of the outputs."""
    from timm.data import ImageNetInfo

    info = ImageNetInfo()
    return [info.index_to_label_name(index) for index in range(info.num_classes())]


def main() -> None:
    """Writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet/data.noun"))
    parser.add_argument("--out", type=Path, default=TABLE)
    arguments = parser.parse_args()
    table = build_table(imagenet_wnids(), read_hypernyms(arguments.wordnet), read_cuts())
    arguments.out.write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
