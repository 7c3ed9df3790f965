"""Attribution on the page Compare images: on demand, with its cost stated."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from senet_viz.analysis.attribution import (
    BASELINE_WORDS,
    Baseline,
    ChannelAttribution,
    GradCam,
    PixelAttribution,
    PixelMethod,
)
from senet_viz.analysis.comparison.result import Comparison
from senet_viz.dashboard import captions, glossary
from senet_viz.dashboard.comparison.results import find_file, get_prepared
from senet_viz.dashboard.controls import pick, pick_image, pick_one, pick_several, row
from senet_viz.dashboard.frame import Opened
from senet_viz.dashboard.links import escape
from senet_viz.dashboard.parts import agree_to_compute, show_answer, show_result, telling_problems
from senet_viz.dashboard.uploads import Uploads, name_inputs
from senet_viz.figures.attribution import draw_attribution, draw_channels, draw_grad_cam
from senet_viz.recording.export import name_several
from senet_viz.schema import label_classes

if TYPE_CHECKING:
    from torch import Tensor

    from senet_viz.models.zoo import Model


PIXELS, CHANNELS, PLACES = "Pixels that drive a gate", "Channels that matter for a class", "Grad-CAM of the block"
METHODS: dict[str, PixelMethod] = {"Gradient": "gradient", "Integrated gradients": "integrated"}
BASELINE_NAMES: dict[str, Baseline] = {words.capitalize(): key for key, words in BASELINE_WORDS.items()}
STEPS = (16, 32, 64, 128, 256)
_MOST_CHANNELS = 8
_KEY = "attributions"
_MOST_KEPT = 8

Result = PixelAttribution | ChannelAttribution | GradCam


@dataclass(frozen=True)
class _Question:
    """What is asked: everything that a result depends on."""

    digest: str
    image: int
    block: str
    what: str
    channels: tuple[int, ...] = ()
    method: PixelMethod = "gradient"
    baseline: Baseline = "mean"
    steps: int = 0
    output: int = 0

    def words(self) -> str:
        """For the name of a file: image, question and choices."""
        image = f"image-{self.image + 1}"
        if self.what != PIXELS:
            return f"{image}-{'grad-cam' if self.what == PLACES else 'channels'}-output-{self.output}"
        channels = name_several([str(channel) for channel in self.channels], "channels")
        path = f"-from-{self.baseline}-{self.steps}-steps" if self.method == "integrated" else ""
        return f"{image}-channel-{channels}-{self.method}{path}"


def show_attribution(page: Opened, model: "Model", uploads: Uploads, comparison: Comparison, block: str) -> None:
    """The section: what to ask, what it costs, and what was found."""
    st.header("Why this gate?", anchor=False)
    question = _ask(model, uploads, comparison, block)
    if question is None:
        return
    prepared = get_prepared(model, find_file(uploads, comparison.images[question.image]))
    kept = st.session_state.setdefault(_KEY, {})
    if question not in kept:
        cost = _cost(model, name_inputs(model), prepared.pixels, question.steps)
        if not agree_to_compute("Compute", cost, key="why_compute"):
            return
        with telling_problems():
            kept[question] = _compute(model, prepared.pixels, question)
        if question not in kept:
            return
        while len(kept) > _MOST_KEPT:
            kept.pop(next(iter(kept)))
    label = comparison.block(block).block.label
    _show(page, kept[question], name=f"attribution-images-{uploads.digest[:8]}-{label}-{question.words()}")


def _ask(model: "Model", uploads: Uploads, comparison: Comparison, block: str) -> _Question | None:
    questions = [PIXELS, CHANNELS, PLACES] if model.outputs else [PIXELS]  # the others are about an output
    what = pick_one("Question", questions, "why", help_text=glossary.ATTRIBUTION)
    with row("attribution"):
        image = pick_image(comparison.names, "why_image", linked=False)
        if what != PIXELS:
            output = _pick_output(model, comparison, image)
            return _Question(_inputs(model, uploads), image, block, what, output=output)
        channels = _pick_channels(comparison, block)
        method = METHODS[pick_one("Method", list(METHODS), "why_method")]
        baseline, steps = _pick_path() if method == "integrated" else ("mean", 0)
    if not channels:
        st.info("Choose a channel, or several: then their mean gate is explained.", icon=":material/tune:")
        return None
    return _Question(_inputs(model, uploads), image, block, what, channels, method, baseline, steps)


def _inputs(model: "Model", uploads: Uploads) -> str:
    """Digest of network, preprocessing and images: another recording's results are not this one's."""
    return f"{name_inputs(model)} {uploads.digest}"


def _pick_channels(comparison: Comparison, block: str) -> tuple[int, ...]:
    ranked = comparison.channels_that_differ(block, comparison.block(block).block.channels).channels
    options = [str(c) for c in ranked]
    chosen = pick_several(
        "Channels", options, "why_channels", kind="channel", default=options[:1], width=230, most=_MOST_CHANNELS, linked=False,
        help_text="The channels in which the images differ most come first. Of several the mean gate is explained.",
    )  # fmt: skip
    return tuple(int(c) for c in chosen)


def _pick_path() -> tuple[Baseline, int]:
    start = st.selectbox("From", list(BASELINE_NAMES), key="why_baseline", persist_state="session", width=170,
                         help=glossary.BASELINE)  # fmt: skip
    steps = st.selectbox("Steps", STEPS, index=2, key="why_steps", persist_state="session", width=100,
                         help="Points on the path; more make the residual smaller.")  # fmt: skip
    return BASELINE_NAMES[start or next(iter(BASELINE_NAMES))], int(steps or STEPS[2])


def _pick_output(model: "Model", comparison: Comparison, image: int) -> int:
    """The predicted outputs first, then all others."""
    names = label_classes(model.classes) or tuple(f"output {i}" for i in range(model.outputs))
    first = [p.output for p in comparison.images[image].predictions]
    order = [*first, *(i for i in range(model.outputs) if i not in first)]
    options = [names[i] for i in order]
    about = "The image's predictions come first."
    chosen = pick("Class", options, "why_output", kind="class", width=230, linked=False, help_text=about)
    return order[options.index(chosen)]


@st.cache_data(max_entries=64, show_spinner=False)
def _cost(_model: "Model", network: str, _pixels: "Tensor", steps: int) -> float:
    from senet_viz.workflows.attribution import estimate_seconds

    del network
    return estimate_seconds(_model, _pixels, steps)


def _compute(model: "Model", pixels: "Tensor", question: _Question) -> Result:
    from senet_viz.workflows.attribution import attribute_gate
    from senet_viz.workflows.output_attribution import attribute_output, compute_grad_cam

    if question.what != PIXELS:
        channels = question.what == CHANNELS
        with st.spinner(f"Computing {'gradient × gate' if channels else 'Grad-CAM'}…"):
            explain = attribute_output if channels else compute_grad_cam
            return explain(model, pixels, question.block, question.output)
    if question.method == "gradient":
        with st.spinner("Computing the gradient…"):
            return attribute_gate(model, pixels, question.block, question.channels)
    bar = st.progress(0.0, "Integrating…")

    def tell(done: int, total: int) -> None:  # drawing is also where Streamlit ends a run that is no longer wanted
        bar.progress(done / total, f"Integrating: {done} of {total} steps")

    result = attribute_gate(
        model, pixels, question.block, question.channels, method="integrated", baseline=question.baseline,
        steps=question.steps, batch_size=8, on_progress=tell,
    )  # fmt: skip
    bar.empty()
    return result


def _show(page: Opened, result: Result, *, name: str) -> None:
    look, narrow = page.screen.look, page.screen.narrow
    if isinstance(result, PixelAttribution):
        figure, alt = draw_attribution(result, look, narrow=narrow), f"Which pixels drive {result.subject}."
        caption = captions.PIXELS
        show_answer(result.answer, explained=glossary.ATTRIBUTION)
    elif isinstance(result, ChannelAttribution):
        figure, alt = draw_channels(result, look, narrow=narrow), f"Channels that matter for {result.output_name}."
        caption = captions.GATES_OF_A_CLASS
        show_answer(result.caveat, explained=glossary.GRADIENT_TIMES_GATE)
    else:
        figure, alt = draw_grad_cam(result, look, narrow=narrow), f"Grad-CAM for {result.output_name}."
        caption = captions.PLACES
    if result.note:
        st.warning(escape(result.note), icon=":material/info:")
    if isinstance(result, PixelAttribution) and result.warning:
        st.warning(escape(result.warning), icon=":material/rule:")
    show_result(figure, result.table(), name=name, key="attribution", alt=alt, caption=caption, digits=6)
