"""Inks of louder and quieter channels, told apart with every kind of colour vision; words and signs stand beside them."""

from senet_viz.analysis.walkthrough import BlockSteps
from senet_viz.figures.look import DARK, Look

LOUDER_SIGN, QUIETER_SIGN = "▲", "▼"


def loudness_inks(look: Look) -> tuple[str, str]:
    """Of louder and of quieter channels, readable as letters on the page's paper."""
    return ("rgb(240, 160, 80)", "rgb(136, 190, 240)") if look == DARK else ("rgb(184, 78, 10)", "rgb(40, 75, 160)")


def ink_of(steps: BlockSteps, channel: int, look: Look) -> str:
    """The ink of one channel; the text's where it is exactly as loud as its mean."""
    louder, quieter = loudness_inks(look)
    loudness = steps.loudness[channel]
    return louder if loudness > 0 else quieter if loudness < 0 else look.text


def sign_of(steps: BlockSteps, channel: int) -> str:
    """A triangle up or down."""
    loudness = steps.loudness[channel]
    return LOUDER_SIGN if loudness > 0 else QUIETER_SIGN if loudness < 0 else "="


def legend_words(look: Look) -> str:
    """What the two inks mean, in themselves."""
    louder, quieter = loudness_inks(look)
    return (
        f'<span style="color:{louder}">{LOUDER_SIGN} louder</span> and <span style="color:{quieter}">{QUIETER_SIGN} quieter</span>'
        " than the recorded mean gate"
    )
