"""Experiments: networks trained to answer how SE units should be made, with what the answers rest on."""

from pathlib import Path

import streamlit as st

from senet_viz.analysis.experiments.answers import answer_question, bound_text, describe_stages, describe_state
from senet_viz.analysis.experiments.declaration import Experiment
from senet_viz.analysis.experiments.files import experiments_folder, list_experiments, open_experiment
from senet_viz.analysis.experiments.result import ExperimentResult
from senet_viz.dashboard import glossary, links
from senet_viz.dashboard.controls import pick
from senet_viz.dashboard.frame import open_plain_page
from senet_viz.dashboard.links import escape
from senet_viz.dashboard.parts import show_answer, show_downloads, show_figure, show_result, telling_problems
from senet_viz.dashboard.screen import Screen
from senet_viz.figures.experiments import draw_accuracies, draw_class_shares, draw_differences


def choose_experiment() -> Path | None:
    """The page's one control: which experiment; those with results come first."""
    folders = list_experiments(experiments_folder())
    if not folders:
        st.info(
            f"There is no experiment in {escape(str(experiments_folder()))}: run the app from a clone of the repository, or set "
            "SENET_VIZ_EXPERIMENTS.",
            icon=":material/experiment:",
        )
        return None
    names = sorted(folders, key=lambda name: (not (folders[name] / "result.json").exists(), name))
    return folders[pick("Experiment", names, "experiment", kind="experiment", width=330, help_text=glossary.EXPERIMENT)]


def show_declaration(experiment: Experiment, result: ExperimentResult | None, folder: Path) -> None:
    """What was declared beforehand, how much of it is done, and the command that does the rest."""
    st.markdown(f"**{escape(experiment.title)}** · {describe_state(experiment, result)}")
    if result is None or len(result.cells) < result.planned:
        st.caption(
            "This trains what is missing, one network after the other; it can be stopped and goes on where it was."
        )
        st.code(
            f"senet-viz experiment experiments/{folder.name}/experiment.toml --data TRAIN --val VALIDATION",
            language=None, wrap_lines=True,
        )  # fmt: skip
    if result is None:
        with st.expander("What is declared", icon=":material/assignment:"):
            st.code((folder / "experiment.toml").read_text(encoding="utf-8"), language="toml")


def show_answers(screen: Screen, result: ExperimentResult) -> None:
    """A question after the other, then all of them in one figure."""
    for found in result.answers:
        st.subheader(found.question.ask, anchor=False)
        stages = describe_stages(result, found)
        show_answer(
            answer_question(result, found) + (f"\n\n{stages}" if stages else ""), explained=glossary.EXPERIMENT_ANSWER
        )
    if not any(found.difference for found in result.answers):
        return
    figure = draw_differences(result, screen.look, narrow=screen.narrow)
    show_result(
        figure, result.answer_table(), name=f"differences-{result.experiment.name}", key="experiment_differences",
        alt="Differences of top-1 accuracy with their intervals.",
        caption=f"To the right the first of the two does better. An interval beyond the band answers the question, one within it says "
        f"that the difference is below {bound_text(result.experiment)}; any other can not tell. These are small networks on "
        "small images, trained briefly: what holds here need not hold at another size.",
    )  # fmt: skip


def show_networks(screen: Screen, result: ExperimentResult) -> None:
    """Accuracies, sizes and times of the conditions."""
    st.header("The networks", anchor=False)
    figure = draw_accuracies(result, screen.look, narrow=screen.narrow)
    name = f"accuracies-{result.experiment.name}"
    show_figure(
        figure, name=name, key="experiment_accuracies", alt="Top-1 accuracy of every condition with its interval."
    )
    st.caption(
        "Whiskers overlap more than the differences above allow: those compare networks of one seed on the same images, these "
        "are each condition by itself."
    )
    show_downloads(result.table(), None, key="experiment_networks", name=f"networks-{result.experiment.name}")
    st.caption(
        "Operations are multiply-adds of convolutions and linear layers for one image. "
        + (
            "Times are not measured before all networks are trained."
            if result.timing is None
            else f"Times are those of a batch of {result.timing.batch_size} beside the first condition's in the same run on "
            f"{result.timing.device}, medians of {result.timing.rounds} rounds."
        )
    )


def show_class_shares(screen: Screen, result: ExperimentResult) -> None:
    """Where along the depth the gates tell classes apart."""
    table = result.depth_table()
    if not table["omega_squared"].notna().any():
        return
    st.header("Where class-specificity arises", anchor=False, help=glossary.CLASS_SHARE)
    figure = draw_class_shares(result, screen.look, narrow=screen.narrow)
    show_result(
        figure, table, name=f"class-shares-{result.experiment.name}", key="experiment_depth",
        alt="Class share of the gates along the depth, a line a condition.",
        caption="How much of the gates' variance lies between classes. Constant gates and networks without SE have no line. A curve says "
        "what the gates know of classes, not what the network makes of it: for that there is the Gate lab.",
    )  # fmt: skip


opened = open_plain_page(
    "Experiments", "How should SE units be made? What trained networks say, and what they can not."
)
with telling_problems():
    place = choose_experiment()
    links.show_notices()
    if place is not None:
        declared, outcome = open_experiment(place)
        show_declaration(declared, outcome, place)
        if outcome is not None and outcome.cells:
            show_answers(opened, outcome)
            show_networks(opened, outcome)
            show_class_shares(opened, outcome)
