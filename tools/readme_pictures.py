"""The README's pictures, from the app itself on the bundled recording.

    python -m tools.readme_pictures

Needs Debian's chromium and the packages of requirements-dev.txt; writes docs/images/.
"""

import io
import shutil
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from benchmarks.app_server import serving

ROOT = Path(__file__).parents[1]
OUT = ROOT / "docs" / "images"
WIDTH, HEIGHT = 1280, 1000
STILLS = {
    "claim": "/?recording=bundled",
}
WALK = (  # address and how far down, from the whole depth to the tensors of one block
    ("/?recording=bundled", 0),
    ("/distributions?recording=bundled&block=SE_2_3&block=SE_4_6&block=SE_5_3", 0),
    ("/blocks?recording=bundled", 0),
    ("/classes?recording=bundled", 0),
    ("/lab?recording=bundled", 420),
    ("/how?recording=bundled", 200),
)
FRAME_MS = 1800


def take(page: Page, address: str, down: int = 0) -> Image.Image:
    """A page as it stands when it has been drawn, scrolled down by so many pixels."""
    page.goto(address)
    page.wait_for_selector("h1", timeout=60_000)
    page.wait_for_timeout(3000)
    page.wait_for_function("() => !document.querySelector('[data-testid=stStatusWidget]')", timeout=90_000)
    page.wait_for_timeout(2000)
    page.mouse.move(WIDTH * 0.7, HEIGHT * 0.5)
    page.mouse.wheel(0, down)
    page.mouse.move(WIDTH - 4, 4)
    page.wait_for_timeout(800)
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def _shrink(picture: Image.Image) -> Image.Image:
    """256 colours: the most frequent as they are, so that paper stays white, and others for small marks and photos.

    One method alone tints the paper, or gives small marks to greys and merges what legends tell apart.
    """
    colours, counts = np.unique(np.asarray(picture).reshape(-1, 3), axis=0, return_counts=True)
    frequent = colours[np.argsort(-counts, kind="stable")[:128]]
    spread = picture.quantize(128, method=Image.Quantize.MAXCOVERAGE).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette([*frequent.ravel().tolist(), *spread[: 3 * 128]])
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)


def main() -> None:
    with serving() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        for name, path in STILLS.items():
            _shrink(take(page, address + path)).save(OUT / f"{name}.png", optimize=True)
        frames = [take(page, address + path, down).resize((WIDTH * 3 // 4, HEIGHT * 3 // 4)) for path, down in WALK]
        browser.close()
    first, *others = [_shrink(frame) for frame in frames]
    first.save(OUT / "walk.gif", save_all=True, append_images=others, duration=FRAME_MS, loop=0, optimize=True)


if __name__ == "__main__":
    main()
