"""What interventions on the gates did: sentences, effects, their parts, and the classes that change most."""

import pandas as pd

from senet_viz.report.markup import fold, paragraph, section, table
from senet_viz.stats.effects import (
    CLASS_EFFECT_MEANING,
    COMPONENT_WORDS,
    COMPONENTS,
    FORMULAS,
    MEASURE_WORDS,
    EffectTable,
    TargetEffect,
    decompose,
    describe_components,
    tabulate_components,
)

_TOP1, _TOP5, _LOSS = (MEASURE_WORDS[measure] for measure in ("top1", "top5", "loss"))
_INTERVALS = [_TOP1, f"{_TOP1}, low", f"{_TOP1}, high", f"{_TOP1}, classes low", f"{_TOP1}, classes high"]
_EFFECTS = ["target", "baseline", *_INTERVALS, _TOP5, _LOSS, "predictions changed", "classes hurt", "classes helped"]
_PARTS = ["target", "component", "formula", *_INTERVALS, _LOSS, f"{_LOSS}, low", f"{_LOSS}, high"]
_MOST = 5


def show_effects(found: EffectTable) -> str:
    """All of it in one section."""
    components = decompose(found)
    meanings = "; ".join(f"{name} ({FORMULAS[name]}): {COMPONENT_WORDS[name]}" for name in COMPONENTS)
    parts = [
        paragraph(describe_components(components), "answer"),
        paragraph(
            f"Intervened less clean, on {found.images:,} images of {found.classes:,} classes; untouched, the network has "
            f"{found.clean['top1']:.2f} % top-1 and {found.clean['top5']:.2f} % top-5 accuracy and a loss of "
            f"{found.clean['loss']:.3f} nats. A cost in accuracy is negative, one in loss positive. Intervals are paired, at "
            "95 %: low and high for these classes, classes low and high for classes like these (from 20 classes on)."
        ),
        paragraph(found.note) if found.note else "",
        table(found.table()[_EFFECTS], "What moving the gates does", digits=2),
    ]
    if components:
        parts += [
            "<h3>What of it is class</h3>",
            paragraph(f"{meanings}. {CLASS_EFFECT_MEANING}"),
            table(tabulate_components(components)[_PARTS], "Dynamic, instance and class effect", digits=2),
        ]
    parts.append(
        fold("Classes that change most", _explain_classes(), table(_extremes(found), "Losers and winners", digits=3))
    )
    return section("What the gates do", "effects", *parts)


def _explain_classes() -> str:
    return paragraph(
        f"The {_MOST} classes that lose and win most under each intervention. Shrunken: moved towards the mean over classes by as "
        "much as a class's number is noise. q: exact sign-flip test, Benjamini–Hochberg over the classes; up to .05 it is found."
    )


def _extremes(found: EffectTable) -> pd.DataFrame:
    return pd.DataFrame([row for effect in found.effects for row in _class_rows(found, effect)])


def _class_rows(found: EffectTable, effect: TargetEffect) -> list[dict[str, object]]:
    losers, winners = found.extremes(effect, most=_MOST)
    return [
        {
            "class": found.class_names[k], "target": effect.target, "baseline": effect.baseline,
            "images": int(found.class_images[k]), _TOP1: effect.changes["top1"].per_class[k],
            "shrunken": effect.tests.shrunken[k], "p": effect.tests.p[k], "q": effect.tests.q[k],
        }
        for k in (*losers.tolist(), *winners.tolist())
    ]  # fmt: skip
