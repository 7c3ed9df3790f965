"""The model card: every number in it comes from the config that the training wrote."""

from string import Template
from typing import Any

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
