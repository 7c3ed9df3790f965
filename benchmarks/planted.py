"""Gates with planted patterns of the claims, drawn directly: class profiles plus images, no network.

A gate is s = m_c + h_c·(scale along the profile + own class deviation + image), m_c the channel's mean. Class deviations
are standardised over the classes, so that the between-class SD (divisor K − 1) is exact, and lie across the mean profile
where classes also differ in scale; half of the variance within classes is shared by 8 factors, so that channels are
correlated as those of a network are. Nothing is clipped to [0, 1].
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from senet_viz.claims.agreement import draw_subsets, measure_subsets
from senet_viz.claims.inputs import ClaimInputs, ClassSubsets, gather_series
from senet_viz.recording.moments import Channels, ClassMoments
from senet_viz.schema import Gate
from senet_viz.stats.resampling import ImageReplicates, assign_groups, resample_images

Floats = NDArray[np.float64]
ROLES = ("SE_2_3", "SE_3_4", "SE_4_6", "SE_5_1", "SE_5_2", "SE_5_3")
CHANNELS = 64
FACTORS = 8


@dataclass(frozen=True)
class PlantedBlock:
    """One block's truth.

    Attributes:
        between, within: SDs in units of s, of channels that are not nearly open.
        scale: between-class SD along the mean profile, root mean square over channels, in units of s.
        open_share: share of channels whose gates lie near .96, with a quarter of the SDs.
    """

    between: float
    within: float
    scale: float = 0.0
    open_share: float = 0.0


@dataclass(frozen=True)
class Design:
    """K classes with n images each, or with n/2 to 2n where they are unequal."""

    classes: int
    per_class: int
    unequal: bool = False

    @property
    def name(self) -> str:
        """For tables."""
        n = f"{self.per_class // 2} to {2 * self.per_class}" if self.unequal else str(self.per_class)
        return f"{self.classes} classes × {n}"

    def labels(self) -> NDArray[np.int64]:
        """(N,)."""
        sizes = np.full(self.classes, self.per_class)
        if self.unequal:
            sizes = np.linspace(self.per_class // 2, 2 * self.per_class, self.classes).astype(np.int64)
        return np.repeat(np.arange(self.classes), sizes)


@dataclass(frozen=True)
class Pattern:
    """A planted truth for all blocks.

    Attributes:
        blocks: by role.
        expected: right verdict by "C1 relative" and the like; what is not named is not counted.
        carriers: share of the classes that carry the class differences; 1 for all.
        subsets: whether subsets of the classes are drawn (C12).
    """

    blocks: Mapping[str, PlantedBlock]
    expected: Mapping[str, str] = field(default_factory=dict)
    carriers: float = 1.0
    subsets: bool = False


def make_blocks() -> tuple[Gate, ...]:
    """Six blocks in the roles of the paper's Fig. 6."""
    return tuple(
        Gate(
            f"layer{int(r[3]) - 1}.{int(r[5]) - 1}.se",
            r,
            int(r[3]),
            depth,
            CHANNELS,
            CHANNELS // 16,
            "planted",
            "sigmoid",
        )
        for depth, r in enumerate(ROLES)
    )


def draw_gates(
    block: PlantedBlock, labels: NDArray[np.int64], carriers: float, generator: np.random.Generator
) -> NDArray[np.float32]:
    """(N, C) float32."""
    classes = int(labels.max()) + 1
    is_open = np.arange(CHANNELS) < round(block.open_share * CHANNELS)
    mean = np.where(is_open, 0.96, generator.uniform(0.35, 0.65, CHANNELS))
    height = np.where(is_open, 0.25, 1.0)
    carry = (np.arange(classes) < max(1, round(carriers * classes)))[:, None]
    own = _standardise(generator.normal(size=(classes, CHANNELS)) * carry)
    scale = _standardise(generator.normal(size=(classes, 1)) * carry)
    if block.scale:
        own = _across(own, mean)
    loadings = generator.normal(size=(FACTORS, CHANNELS))
    factors = generator.normal(size=(len(labels), FACTORS)) @ (loadings / np.linalg.norm(loadings, axis=0))
    image = np.sqrt(0.5) * factors + np.sqrt(0.5) * generator.normal(size=(len(labels), CHANNELS))
    along = mean / np.sqrt((mean**2).mean())
    profiles = mean + block.scale * scale * along + height * block.between * own
    return np.asarray(profiles[labels] + height * block.within * image, dtype=np.float32)


def simulate(pattern: Pattern, design: Design, seed: int) -> ClaimInputs:
    """Draw one recording's gates and measure them as `assess` does."""
    generator = np.random.default_rng(seed)
    labels = design.labels()
    groups = assign_groups(labels, seed=seed)
    chosen = draw_subsets(np.arange(design.classes), seed=seed) if pattern.subsets else None
    measured, subsets = [], []
    for role in ROLES:
        gates = draw_gates(pattern.blocks[role], labels, pattern.carriers, generator)
        measured.append(_resample(gates, labels, groups, design.classes, along_mean=role == "SE_5_3"))
        if chosen is not None:
            subsets.append(_on_subsets(gates, labels, design.classes, chosen))
    return ClaimInputs(
        recording_id=f"planted-{seed}",
        blocks=make_blocks(),
        images=len(labels),
        classes=design.classes,
        smallest_class=int(np.bincount(labels).min()),
        gates=gather_series([m.full for m in measured], [m.without for m in measured]),
        subsets=ClassSubsets(4, *np.stack(subsets, axis=-1)) if subsets else None,
    )


def _standardise(values: Floats) -> Floats:
    centred = values - values.mean(axis=0)
    return np.asarray(centred / centred.std(axis=0, ddof=1))


def _across(own: Floats, mean: Floats) -> Floats:
    """Own deviations without their part along the mean profile, of the same sum of squares."""
    direction = mean / np.linalg.norm(mean)
    left = own - np.outer(own @ direction, direction)
    return np.asarray(left * np.sqrt((own**2).sum() / (left**2).sum()))


def _resample(
    gates: NDArray[np.float32], labels: NDArray[np.int64], groups: NDArray[np.int64], classes: int, *, along_mean: bool
) -> ImageReplicates:
    mean = gates.mean(axis=0, dtype=np.float64)
    chunk = (gates, labels, groups)
    return resample_images([chunk], n_classes=classes, groups=int(groups.max()) + 1, mean=mean, along_mean=along_mean)


def _on_subsets(
    gates: NDArray[np.float32], labels: NDArray[np.int64], classes: int, chosen: NDArray[np.int64]
) -> Floats:
    """ω² and between-class variance, (2, R)."""
    moments = ClassMoments.empty(classes, Channels(("block",), (CHANNELS,)))
    moments.update(gates, labels)
    return np.stack(measure_subsets(moments.finish(), chosen))


def _blocks(*truths: PlantedBlock) -> dict[str, PlantedBlock]:
    return dict(zip(ROLES, truths, strict=True))


_PAPER = _blocks(
    PlantedBlock(0.005, 0.03), PlantedBlock(0.02, 0.04), PlantedBlock(0.04, 0.06), PlantedBlock(0.07, 0.08),
    PlantedBlock(0.02, 0.04, open_share=0.75), PlantedBlock(0.01, 0.05, scale=0.05),
)  # fmt: skip
_FALLING = _blocks(
    PlantedBlock(0.06, 0.06), PlantedBlock(0.05, 0.06), PlantedBlock(0.04, 0.06), PlantedBlock(0.035, 0.06),
    PlantedBlock(0.05, 0.06), PlantedBlock(0.05, 0.06, scale=0.01),
)  # fmt: skip
_NOISE = _blocks(*[PlantedBlock(0.0, 0.05)] * 6)


def _still(block: PlantedBlock) -> PlantedBlock:
    return replace(block, between=block.between / 30, within=block.within / 30, scale=block.scale / 30)


def _expect(verdict: str, *readings: str) -> dict[str, str]:
    return dict.fromkeys(readings, verdict)


_BOTH = ("C1 relative", "C1 absolute", "C2 relative", "C2 absolute", "C3 relative", "C3 absolute", "C4 absolute",
         "C6 relative", "C6 absolute", "C9 relative", "C9 absolute")  # fmt: skip
_C12 = ("C12 relative", "C12 absolute")
PATTERNS: dict[str, Pattern] = {
    "as the paper claims": Pattern(_PAPER, _expect("supported", *_BOTH, *_C12), subsets=True),
    "the opposite of each claim": Pattern(_FALLING, _expect("refuted", *_BOTH)),
    "as the paper claims, carried by 15 % of the classes": Pattern(
        _PAPER, _expect("refuted", *_C12), carriers=0.15, subsets=True
    ),
    "as the paper claims, but gates hardly move (all SDs a thirtieth)": Pattern(
        {role: _still(block) for role, block in _PAPER.items()},
        _expect("supported", "C1 relative", "C1 absolute", "C2 relative", "C3 relative", "C4 absolute", "C9 relative")
        | _expect("refuted", "C2 absolute", "C3 absolute", "C9 absolute"),
    ),
    "pure noise": Pattern(
        _NOISE,
        _expect("supported", "C1 relative", "C1 absolute")
        | _expect("not applicable", "C6 relative", "C6 absolute")
        | _expect(
            "not supported", "C2 relative", "C2 absolute", "C3 relative", "C3 absolute", "C9 relative", "C9 absolute"
        ),
    ),
}


def at_the_bound(classes: int) -> dict[str, Pattern]:
    """The true value is the bound itself, where a wrong "supported" is most frequent: 2.5 % (5 % in equivalences) by design."""
    share = (classes - 1) / classes  # ω² divides by K, the between-class SD by K − 1

    def block(omega: float, between: float, **further: float) -> PlantedBlock:
        return PlantedBlock(between, between * (share * (1 - omega) / omega) ** 0.5, **further)

    bound = _blocks(
        block(0.10, 0.02), block(0.10, 0.03), block(0.15, 0.03), block(0.20, 0.04), block(0.15, 0.03),
        PlantedBlock(0.02, 0.05, scale=0.02),
    )  # fmt: skip
    third = {**bound, "SE_5_1": block(0.30, 0.02 * (0.9 / 0.1 * 0.3 / 0.7 * 1.5**2) ** 0.5)}
    return {
        "at the bounds of C2, C3 and C6": Pattern(
            bound,
            _expect("not supported", "C1 absolute", "C2 relative", "C2 absolute", "C3 relative", "C3 absolute",
                    "C6 relative", "C6 absolute"),
        ),
        "at the bounds of C1 and C9": Pattern(third, _expect("not supported", "C1 relative", "C1 absolute", "C9 relative")),
    }  # fmt: skip
