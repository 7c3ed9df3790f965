"""Image classifiers of Hugging Face's transformers: files from the hub or a folder, their preprocessing and their class names.

No code that comes with a model is run: weights are tensors, and only networks that transformers itself has are built.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image
from torch import nn

from senet_viz.errors import ModelError
from senet_viz.models.preprocessing import Preprocessing, imagenet_preprocessing
from senet_viz.paths import expand_home, explain_refusal
from senet_viz.schema import ClassTable

INSTALL = 'pip install -e ".[hf]"'
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_CONFIG = "config.json"
_PROCESSORS = ("preprocessor_config.json", "processor_config.json")
_SAFE = ("model.safetensors", "model.safetensors.index.json", "model-*-of-*.safetensors")
_PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json", "pytorch_model-*-of-*.bin")


class HubModel(NamedTuple):
    """A network with what its folder says of it.

    Attributes:
        module: as transformers builds it, in float32.
        preprocess: what its image processor does.
        classes: names of the outputs; empty where they are only numbered.
    """

    module: nn.Module
    preprocess: Preprocessing
    classes: ClassTable


def is_hub_name(name: str) -> bool:
    """Whether a name is ORG/NAME on the hub; whatever else stands behind "hf:" is a folder."""
    return _HUB_NAME.fullmatch(name) is not None


def load_from_hub(name: str, *, pretrained: bool) -> HubModel:
    """Loads an image classifier.

    Args:
        name: ORG/NAME on the hub, or a folder: "./NAME", "~/NAME" or a whole path.
        pretrained: False for initial weights, of which no file is fetched.

    Raises:
        ModelError: transformers is missing, nothing can be downloaded, or the files are no image classifier whose
            preprocessing can be repeated.
    """
    _check_installed(name)
    folder = _download(name, pretrained=pretrained) if is_hub_name(name) else _find_folder(name)
    config = _read_json(folder / _CONFIG)
    processor = next((_read_json(folder / file) for file in _PROCESSORS if (folder / file).is_file()), None)
    preprocess = read_processor(config, processor, f"hf:{name if is_hub_name(name) else folder.name}")
    module, names = _build(folder, name, pretrained=pretrained)
    return HubModel(module, preprocess, tabulate_outputs(names))


def _check_installed(name: str) -> None:
    try:
        import transformers  # noqa: F401
    except ImportError as error:
        raise ModelError(
            f"hf:{name} needs the package transformers ({error}): install it with {INSTALL} in the folder of this project."
        ) from error


def _find_folder(name: str) -> Path:
    folder = expand_home(name)
    if reason := explain_refusal(folder / _CONFIG):
        raise ModelError(f"{folder} could not be looked for ({reason}): check the path and its permissions.")
    if not folder.is_dir():
        raise ModelError(
            f"hf:{name} is neither ORG/NAME on the Hugging Face hub nor a folder: give one of both, a folder as hf:./NAME or "
            "by its whole path."
        )
    if not (folder / _CONFIG).is_file():
        raise ModelError(f"{folder} has no {_CONFIG}, so it is no model of Hugging Face: give the folder that has one.")
    return folder


def _download(name: str, *, pretrained: bool) -> Path:
    """The folder in the hub's cache that a model's files are in; never a folder that is called like it."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    wanted = [_CONFIG, *_PROCESSORS, *(_SAFE if pretrained else ())]
    try:
        folder = Path(snapshot_download(name, allow_patterns=wanted))
        if pretrained and not any(folder.glob("*.safetensors")):
            folder = Path(snapshot_download(name, allow_patterns=[*wanted, *_PICKLED]))
    except GatedRepoError as error:
        raise ModelError(
            f"hf:{name} asks for its terms to be accepted: do so on huggingface.co and log in with `hf auth login`."
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelError(
            f"The Hugging Face hub has no model called {name}, or it is private: check the name; a folder of your own is "
            f"written hf:./{name}."
        ) from error
    except Exception as error:  # of the network, in many forms
        raise ModelError(
            f"The files of hf:{name} could not be downloaded ({type(error).__name__}): on a machine with a network fetch "
            f"{_CONFIG}, {_PROCESSORS[0]} and {_SAFE[0]} of {name} into a folder, and pass it as hf:./FOLDER."
        ) from error
    if not (folder / _CONFIG).is_file():
        raise ModelError(f"hf:{name} has no {_CONFIG} on the hub, so it is no model of transformers: give another.")
    return folder


def _read_json(path: Path) -> dict[str, Any]:
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} could not be read as JSON ({type(error).__name__}): fetch it again.") from error
    if not isinstance(tree, dict):
        raise ModelError(f"{path} is no JSON object: fetch it again.")
    return tree


def _build(folder: Path, name: str, *, pretrained: bool) -> tuple[nn.Module, Mapping[int, str]]:
    """The network in float32 and the names of its outputs by index."""
    from transformers import AutoConfig, AutoModelForImageClassification
    from transformers.utils import logging

    told, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # what it warns of is refused below
    logging.disable_progress_bar()
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        if not pretrained:
            module = AutoModelForImageClassification.from_config(config, trust_remote_code=False)
            return module.float(), config.id2label
        module, about = AutoModelForImageClassification.from_pretrained(
            folder, config=config, trust_remote_code=False, output_loading_info=True, local_files_only=True
        )
    except Exception as error:  # of an unknown network, missing or damaged files, in many forms
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"transformers could not load hf:{name} as an image classifier ({reason[:200]}): give a model for image "
            "classification whose code is in transformers itself."
        ) from error
    finally:
        logging.set_verbosity(told)
        if bars:
            logging.enable_progress_bar()
    lacking = sorted(key for key in about["missing_keys"] if not key.endswith("num_batches_tracked"))
    if lacking:
        more = ", …" if len(lacking) > 4 else ""
        raise ModelError(
            f"The weights of hf:{name} lack {len(lacking)} tensors of its classifier ({', '.join(lacking[:4])}{more}): give a "
            "model that was trained for image classification, not a backbone."
        )
    return module.float(), config.id2label


def tabulate_outputs(names: Mapping[int, str] | Mapping[str, str]) -> ClassTable:
    """Class table of `id2label`: empty where the names only number the outputs, with wnids where they are ImageNet's.

    Args:
        names: by index, as a number or its text; must go from 0 on without a gap.
    """
    by_index = {int(index): str(name) for index, name in names.items()}
    listed = [by_index.get(index) for index in range(len(by_index))]
    known = [name for name in listed if name is not None]
    if len(known) < len(listed) or all(name in (f"LABEL_{at}", str(at)) for at, name in enumerate(known)):
        return ClassTable(())
    return ClassTable(tuple(known), _imagenet_wnids(known))


def _imagenet_wnids(names: Sequence[str]) -> tuple[str, ...]:
    """Of ImageNet's 1,000 classes in their usual order; none unless every name is one of its class's."""
    if len(names) != 1000:
        return ()
    from timm.data.imagenet_info import ImageNetInfo

    info = ImageNetInfo("imagenet-1k")
    wnids = tuple(info.index_to_label_name(index) for index in range(1000))
    for name, wnid in zip(names, wnids):
        synonyms = [_loosen(one) for one in info.label_name_to_description(wnid).split(",")]
        first = _loosen(name.split(",")[0])
        if first not in synonyms and not first.startswith(f"{synonyms[0]} "):  # "crane bird" beside the machine
            return ()
    return wnids


def _loosen(name: str) -> str:
    return " ".join(name.replace("_", " ").replace("-", " ").casefold().split())


# Processors that resize, crop, rescale and normalise, and nothing else; their names without "ImageProcessor…" and the like.
_PLAIN = ("", "ViT", "DeiT", "Beit", "Bit", "CLIP", "Siglip", "MobileNetV1", "MobileNetV2")
_SQUARES = ("ViT", "DeiT", "Beit", "EfficientNet")  # a size of one number is that of a square
_KNOWN_STEPS = ("do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb", "do_reduce_labels")
_WARPED_FROM = 384  # px, from which on ConvNext's processor crops nothing


def read_processor(config: Mapping[str, Any], processor: Mapping[str, Any] | None, where: str) -> Preprocessing:
    """What an image processor does, from its JSON alone.

    Args:
        config: the model's own JSON, with timm's `pretrained_cfg` where it is timm's.
        processor: `preprocessor_config.json`; ImageNet's usual evaluation where it is None.
        where: name of the model, for the manifest and messages.

    Raises:
        ModelError: a step that `Preprocessing` does not know, or a value that is missing.
    """
    if isinstance(config.get("pretrained_cfg"), Mapping):
        return Preprocessing.from_timm(config["pretrained_cfg"], f"timm's pretrained_cfg of {where}")
    if processor is None:
        side = config.get("image_size")
        return imagenet_preprocessing(side if isinstance(side, int) else 224)
    return _Processor(processor.get("image_processor", processor), where).convert()


class _Processor:
    def __init__(self, tree: Mapping[str, Any], where: str) -> None:
        self._tree, self._where = tree, where
        kind = str(tree.get("image_processor_type") or tree.get("feature_extractor_type") or "")
        self._name = kind
        self._kind = re.sub(r"(ImageProcessor|FeatureExtractor)(Fast|Pil)?$", "", kind)

    def convert(self) -> Preprocessing:
        if self._kind not in (*_PLAIN, "ConvNext", "EfficientNet"):
            raise self._refuse(f"are prepared by a {self._name}, whose steps are not known here")
        for step, wanted in self._tree.items():
            if step.startswith("do_") and wanted and step not in _KNOWN_STEPS:
                raise self._refuse(f"are prepared with {step}")
        if not self._tree.get("do_resize", True):
            raise self._refuse("are not resized")
        resize, size, mode = self._read_convnext() if self._kind == "ConvNext" else self._read_sizes()
        mean, std = self._read_scales()
        return Preprocessing(size, resize, mean, std, self._read_resample(), mode, f"image processor of {self._where}")

    def _read_convnext(self) -> tuple[int, int, str]:
        size = self._edges("size")
        side = size.get("shortest_edge")
        if side is None or len(size) > 1:
            raise self._refuse(f"are resized to {size}")
        if self._tree.get("do_center_crop") and self._edges("crop_size") != {"height": side, "width": side}:
            raise self._refuse(f"are cropped to {self._edges('crop_size')} after another crop")
        if side >= _WARPED_FROM:
            return side, side, "squash"
        return int(side / float(self._need("crop_pct"))), side, "center-floor"

    def _read_sizes(self) -> tuple[int, int, str]:
        size, crop = self._edges("size"), self._edges("crop_size") if self._tree.get("do_center_crop") else None
        square, cropped, short = _side(size), _side(crop or {}), size.get("shortest_edge")
        if square is not None and crop in (None, size):
            return square, square, "squash"
        if short is None or len(size) > 1 or cropped is None or cropped > short:
            raise self._refuse(f"are resized to {size} and cropped to {crop}" if crop else f"are resized to {size}")
        return short, cropped, "center-floor"

    def _read_scales(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and SD for values in [0, 1] that do what rescaling by a factor, an offset and one or two normalisations do."""
        mean, std = [0.0] * 3, [1.0] * 3
        if self._tree.get("do_normalize", True):
            mean, std = self._triple("image_mean"), self._triple("image_std")
        efficient = self._kind == "EfficientNet"
        offset = 0.0
        factor = 255.0
        if self._tree.get("do_rescale", True):
            factor = 255 * float(self._tree.get("rescale_factor") or 1 / 255)
            offset = 1.0 if efficient and self._tree.get("rescale_offset") else 0.0
        factor = 1.0 if math.isclose(factor, 1.0, rel_tol=1e-9) else factor
        again = self._triple("image_std") if efficient and self._tree.get("include_top", True) else [1.0] * 3
        return (
            tuple((m + offset) / factor for m in mean),
            tuple(first * second / factor for first, second in zip(std, again)),
        )

    def _read_resample(self) -> str:
        value = self._need("resample")
        try:
            return Image.Resampling(value).name.lower() if isinstance(value, int) else str(value).lower()
        except ValueError as error:
            raise self._refuse(f"are resized by filter {value!r}") from error

    def _edges(self, name: str) -> dict[str, int]:
        """A size as a mapping of what is set; numbers alone as the processor of this kind understands them."""
        value = self._need(name)
        if isinstance(value, int):
            square = name == "crop_size" or self._kind in _SQUARES or not self._has_shortest_edge()
            return {"height": value, "width": value} if square else {"shortest_edge": value}
        if isinstance(value, Mapping) and all(v is None or isinstance(v, int) for v in value.values()):
            return {str(key): v for key, v in value.items() if v is not None}
        raise self._refuse(f"have the {name} {value!r}")

    def _has_shortest_edge(self) -> bool:
        return self._kind == "ConvNext" or bool(self._tree.get("do_center_crop"))

    def _triple(self, name: str) -> list[float]:
        value = self._need(name)
        listed = list(value) if isinstance(value, (list, tuple)) else []
        if len(listed) != 3 or not all(isinstance(v, (int, float)) for v in listed):
            raise self._refuse(f"have the {name} {value!r}, not three numbers")
        return [float(v) for v in listed]

    def _need(self, name: str) -> Any:
        value = self._tree.get(name)
        if value is None:
            raise self._refuse(f"have no {name} in {_PROCESSORS[0]}")
        return value

    def _refuse(self, what: str) -> ModelError:
        return ModelError(
            f"Images for {self._where} {what}, which this version cannot repeat: square inputs by a resize, a centre crop and "
            f"one normalisation are supported; write such a {_PROCESSORS[0]} into a folder with the model and give the folder."
        )


def _side(size: Mapping[str, int]) -> int | None:
    """Of a square."""
    return size["height"] if set(size) == {"height", "width"} and size["height"] == size["width"] else None
