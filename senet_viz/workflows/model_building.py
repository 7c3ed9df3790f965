"""From labelled images to a folder with a trained model: weights, config and a model card whose numbers come from the config."""

import dataclasses
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import torch

from senet_viz.errors import ArgumentError, SourceError
from senet_viz.images.opening import open_images
from senet_viz.images.source import ImageSource
from senet_viz.models.environment import describe_environment
from senet_viz.models.networks.architectures import build_architecture, parse_architecture
from senet_viz.models.preprocessing import Preprocessing
from senet_viz.models.weights import save_weights
from senet_viz.models.zoo import Model, choose_device, load_model
from senet_viz.paths import expand_home
from senet_viz.recording.files import replacing
from senet_viz.schema import ClassTable
from senet_viz.workflows.evaluate import Accuracy, evaluate
from senet_viz.workflows.train import TrainConfig, TrainProgress, load_tensors, train

_CARD = Template(
    """\
# $title, $side px

$description

| measured on | top-1 | top-5 | images |
|---|---|---|---|
| $validation | $top1 | $top5 | $judged |

The half-precision weights in this folder were measured in fp32 arithmetic, after the last step, on inputs smoothed as
the training crops are (`smooth` in `config.json`).

## Data

$data: $images training images (digest `$digest`). Terms: $terms

## Recipe

SGD with Nesterov momentum $momentum, one-cycle schedule to a rate of $peak_rate (rising over $warmup of the steps),
weight decay $weight_decay on weights only, label smoothing $label_smoothing, batch $batch_size, random resized crops
($crop of the area) and flips, $phases, $precision, seed $seed.

```
senet-viz train --data TRAIN --val VALIDATION --out FOLDER \\
  --phases $phase_option $network_option --batch-size $batch_size --peak-rate $peak_rate \\
  --weight-decay $weight_decay --precision $precision --seed $seed
```

$minutes minutes of training on $device, torch $torch.

## Limits

It is a specimen for looking at gates, not a classifier to deploy: it knows $num_classes classes and $side px images.
What its gates show holds for this network on these images; larger networks, other recipes and other data may differ.
"""
)

_BUNDLED = Template(
    """\
A squeeze-and-excitation network with the paper's 3-4-6-3 bottleneck layout and r = 16, small enough to travel with
the code: $parameters parameters, $num_classes classes, half-precision safetensors. The stem is one 3×3 convolution
of stride 2 without max-pooling. sha256 over the weights' float32 values: `$sha256`."""
)
_OTHER = Template(
    """\
A squeeze-and-excitation network of this package, `$name` with $options (docs/networks.md): $parameters parameters,
$num_classes classes, half-precision safetensors. sha256 over the weights' float32 values: `$sha256`."""
)


def write_card(config: dict[str, Any], *, parameters: int, terms: str) -> str:
    """The model card in Markdown.

    Args:
        config: the finished `config.json` of a trained model.
        parameters: weights and biases of the network.
        terms: terms of use of the training data.
    """
    training, validation, arguments = config["training"], config["validation"], config["arguments"]
    recipe, environment = training["recipe"], training["environment"]
    low, high = recipe["crop_area"]
    return _CARD.substitute(
        {key: recipe[key] for key in ("momentum", "peak_rate", "weight_decay", "label_smoothing", "batch_size")},
        **_describe_network(config, f"{parameters:,}"),
        num_classes=arguments["num_classes"],
        side=config["preprocessing"]["size"],
        validation=validation["data"],
        top1=f"{validation['top1']:.2%}",
        top5=f"{validation['top5']:.2%}",
        judged=f"{validation['images']:,}",
        data=training["data"],
        images=f"{training['images']:,}",
        digest=training["data_digest"][:16],
        terms=terms,
        warmup=f"{recipe['warmup']:.0%}",
        crop=f"{low:.0%} to {high:.0%}",
        phases=", ".join(f"{epochs} epochs at {side} px" for epochs, side in recipe["phases"]),
        phase_option=",".join(f"{epochs}x{side}" for epochs, side in recipe["phases"]),
        precision=recipe["precision"],
        seed=recipe["seed"],
        minutes=f"{training['seconds'] / 60:.0f}",
        device=environment["device"],
        torch=environment["versions"]["torch"],
    )


def _describe_network(config: dict[str, Any], parameters: str) -> dict[str, str]:
    """Title, description, and the option of `train` that names the network."""
    name, arguments = config["architecture"], config["arguments"]
    common = {"parameters": parameters, "num_classes": arguments["num_classes"], "sha256": config["sha256"]}
    if name == "small_se_resnet50":
        base = arguments["base_channels"]
        title = f"SE-ResNet-50 layout at width {base}/64"
        option = f"--base-channels {base}"
        return {"title": title, "description": _BUNDLED.substitute(common), "network_option": option}
    chosen = {key: value for key, value in arguments.items() if key != "num_classes"}
    texts = [
        f"{key}={'+'.join(map(str, value)) if isinstance(value, list) else value}" for key, value in chosen.items()
    ]
    description = _OTHER.substitute(common, name=name, options=", ".join(texts) or "its defaults")
    option = f"--network {','.join([f'senet_viz:{name}', *texts])}"
    return {"title": name, "description": description, "network_option": option}


@dataclass(frozen=True)
class ModelRequest:
    """What to train and where.

    Attributes:
        data, validation: what `open_images` takes.
        folder: of the model; `training.pt` in it is the resumable state.
        base_channels: bottleneck width of the bundled layout's first stage.
        network: "senet_viz:NAME,ARGUMENT=VALUE,…", trained instead of the bundled layout; None for that.
        device: "auto" or a torch device.
        data_name, data_terms: for the model card.
        stop_after: seconds of training after which to stop for now; None to go on to the end.
    """

    data: str
    validation: str
    folder: Path
    base_channels: int = 32
    network: str | None = None
    device: str = "auto"
    data_name: str | None = None
    data_terms: str = "not stated"
    stop_after: float | None = None

    def __post_init__(self) -> None:
        if self.base_channels < 1:
            raise ArgumentError(f"base_channels is {self.base_channels}; it is at least 1.")

    def architecture(self, num_classes: int, side: int) -> tuple[str, dict[str, Any]]:
        """Name and arguments of the network for images of a side in px; refused here if it can not be built.

        Raises:
            ArgumentError: `network` names none of this package, or an argument that it does not take.
        """
        if self.network is None:
            return "small_se_resnet50", {"num_classes": num_classes, "base_channels": self.base_channels}
        origin, _, text = self.network.rpartition(":")
        if origin not in ("", "senet_viz"):
            raise ArgumentError(
                f"{self.network!r} is no network of this package: give senet_viz:NAME,ARGUMENT=VALUE,…."
            )
        name, arguments = parse_architecture(text)
        arguments = {"side": side, **arguments, "num_classes": num_classes}
        with torch.device("meta"):
            build_architecture(name, arguments)
        return name, arguments


def parse_phases(text: str) -> tuple[tuple[int, int], ...]:
    """The phases in a text: 5x32,4x48 gives ((5, 32), (4, 48)), epochs and image side in px.

    Raises:
        ArgumentError: the text is none of that form.
    """
    try:
        phases = tuple((int(epochs), int(side)) for epochs, side in (part.split("x") for part in text.split(",")))
    except ValueError as error:
        raise ArgumentError(f"phases is {text!r}; give EPOCHSxPIXELS, comma-separated, e.g. 5x32,4x48,3x64.") from error
    if any(epochs < 1 or side < 8 for epochs, side in phases):
        raise ArgumentError(f"phases is {text!r}; epochs are at least 1 and images at least 8 px.")
    return phases


def train_model(
    request: ModelRequest,
    config: TrainConfig,
    *,
    say: Callable[[str], None],
    report: Callable[[TrainProgress], None] | None = None,
) -> dict[str, Any]:
    """Trains, writes the model folder, and measures the written half-precision weights on the validation images.

    Returns:
        Keys: finished, folder; when finished also top1, top5, images, seconds.
    """
    request = dataclasses.replace(request, folder=expand_home(request.folder))
    source, validation = open_both(request.data, request.validation)
    device = choose_device(request.device)
    side = config.phases[-1][1]
    name, arguments = request.architecture(len(source.classes), side)
    try:
        request.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArgumentError(
            f"{request.folder} can not be made ({error.strerror}): give a folder that can be written."
        ) from error
    say(f"decoding {len(source):,} images")
    trained = train(
        lambda: build_architecture(name, arguments), load_tensors(source, side), config, request.folder / "training.pt",
        network=json.dumps([name, arguments], sort_keys=True), device=str(device), report=report,
        stop_after=math.inf if request.stop_after is None else request.stop_after,
    )  # fmt: skip
    if trained is None:
        return {"finished": False, "folder": str(request.folder)}
    network, seconds = trained
    save_weights(network, request.folder / "model.safetensors", half=True)
    _write_config(request, config, source, (name, arguments), side)
    model = load_model(request.folder, device=str(device))
    say(f"measuring on {len(validation):,} validation images")
    accuracy = evaluate(model, validation)
    _finish_config(request, accuracy, seconds, model)
    return {"finished": True, "folder": str(request.folder), **accuracy._asdict(), "seconds": round(seconds)}


def open_both(data: str, validation: str) -> tuple[ImageSource, ImageSource]:
    """Training and validation images of the same named classes.

    Raises:
        SourceError: images that can not be read, or of different classes.
    """
    sources = open_images(data), open_images(validation)
    if not len(sources[0].classes) or sources[0].classes != sources[1].classes:
        raise SourceError(
            f"{sources[0].name} and {sources[1].name} do not have the same named classes: put one classes.csv beside both."
        )
    return sources


def _write_config(
    request: ModelRequest, config: TrainConfig, source: ImageSource, network: tuple[str, dict[str, Any]], side: int
) -> None:
    preprocessing = Preprocessing(
        size=side, resize=side, interpolation="bicubic", source="the model's config.json", smooth=True
    )
    training = {
        "recipe": config.to_json(),
        "images": len(source),
        "data": request.data_name or Path(source.name).name,
        "data_digest": source.digest,
    }
    write_config(request.folder, network, preprocessing, source.classes, training)


def write_config(
    folder: Path,
    network: tuple[str, dict[str, Any]],
    preprocessing: Preprocessing,
    classes: ClassTable,
    training: dict[str, Any],
) -> None:
    """The `config.json` by which `load_model` reads a folder: architecture and arguments, input, outputs, how it was trained."""
    _write_json(
        folder / "config.json",
        {
            "architecture": network[0],
            "arguments": network[1],
            "preprocessing": preprocessing.to_json(),
            "classes": {"names": list(classes.names), "wnids": list(classes.wnids)},
            "training": training,
        },
    )


def _finish_config(request: ModelRequest, accuracy: Accuracy, seconds: float, model: Model) -> None:
    path = request.folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["training"] |= {"seconds": round(seconds), "environment": describe_environment(model.device)}
    config["validation"] = {"data": Path(request.validation).name, **accuracy._asdict()}
    config["sha256"] = model.sha256
    _write_json(path, config)
    card = write_card(config, parameters=sum(p.numel() for p in model.module.parameters()), terms=request.data_terms)
    (request.folder / "README.md").write_text(card, encoding="utf-8")


def _write_json(path: Path, tree: dict[str, Any]) -> None:
    with replacing(path, durable=False) as file:
        file.write((json.dumps(tree, indent=1, ensure_ascii=False) + "\n").encode())
