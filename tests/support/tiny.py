"""Small, fast networks whose gates vary, for tests that record, and the images they are fed."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image
from torch import Tensor, nn


class SEModule(nn.Module):
    """timm's of this name, whose import would take a command longer than all that it does with these networks."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // 4, 1)
        self.act = nn.ReLU(inplace=True)
        self.fc2 = nn.Conv2d(channels // 4, channels, 1)
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        scale = self.act(self.fc1(x.mean((2, 3), keepdim=True)))
        return x * self.gate(self.fc2(scale))


class TinySE(nn.Module):
    """Two SE blocks of 16 and 32 channels on 8 × 8 px images, ten outputs."""

    def __init__(self, outputs: int = 10) -> None:
        super().__init__()
        self.num_classes = outputs
        self.pretrained_cfg = {"input_size": (3, 8, 8), "crop_pct": 1.0, "mean": (0.5,) * 3, "std": (0.25,) * 3}
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1)
        self.se1 = SEModule(16)
        self.conv2 = nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.se2 = SEModule(32)
        self.head = nn.Linear(32, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.se1(self.conv1(x).relu())
        x = self.se2(self.conv2(x).relu())
        return self.head(x.mean((2, 3)))


def tiny_se() -> nn.Module:
    """`tests.support.tiny:tiny_se` on the command line; the same weights every time."""
    with torch.random.fork_rng():
        torch.manual_seed(7)
        network = TinySE()
        for parameter in network.parameters():
            parameter.data.mul_(2.0)  # gates that vary from image to image
        return network


class TinyBackbone(TinySE):
    """The feature maps of both blocks, as an encoder returns them, and no class outputs."""

    def __init__(self) -> None:
        super().__init__()
        del self.head, self.num_classes

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        shallow = self.se1(self.conv1(x).relu())
        return {"shallow": shallow, "deep": self.se2(self.conv2(shallow).relu())}


def tiny_backbone() -> nn.Module:
    """`tests.support.tiny:tiny_backbone`, whose gates are those of `tiny_se`."""
    backbone = TinyBackbone()
    weights = tiny_se().state_dict()
    backbone.load_state_dict({name: weights[name] for name in backbone.state_dict()})
    return backbone


class TinyMixed(TinySE):
    """Also adds a context vector to its feature map, which is no gate."""

    def __init__(self) -> None:
        from timm.layers import GlobalContext

        super().__init__()
        self.context = GlobalContext(16, use_attn=False, fuse_add=True, fuse_scale=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.context(self.se1(self.conv1(x).relu()))
        x = self.se2(self.conv2(x).relu())
        return self.head(x.mean((2, 3)))


def tiny_mixed() -> nn.Module:
    """`tests.support.tiny:tiny_mixed` on the command line: two gates and one relative of theirs."""
    return TinyMixed()


def failing_factory() -> nn.Module:
    """`tests.support.tiny:failing_factory`, a person's factory with a mistake in it."""
    raise ValueError("no weights today")


def tiny_png(index: int) -> bytes:
    """An 8 × 8 px image of noise around a colour that its class (index mod 10) sets."""
    generator = np.random.default_rng(index)
    colour = np.random.default_rng(10_000 + index % 10).integers(40, 216, 3)
    pixels = np.clip(colour + generator.normal(0, 30, (8, 8, 3)), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def write_tiny_parquet(path: Path, images: int, *, distinct: int = 500, files: list[bytes] | None = None) -> Path:
    """A Parquet in the Hugging Face layout; `distinct` different images (or `files`) repeat, labels go round 0 to 9."""
    files = files or [tiny_png(i) for i in range(min(distinct, images))]
    schema = pa.schema([("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), ("label", pa.int64())])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, images, 1000):
            rows = range(start, min(start + 1000, images))
            structs = [{"bytes": files[i % len(files)], "path": f"{i}.png"} for i in rows]
            writer.write_table(pa.table({"image": structs, "label": [i % 10 for i in rows]}, schema=schema))
    path.with_name("classes.csv").write_text(
        "label,wnid,name\n" + "".join(f"{k},n{k:08d},class {k}\n" for k in range(10)), encoding="utf-8"
    )
    return path
