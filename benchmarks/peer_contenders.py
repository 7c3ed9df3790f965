"""The contenders of `peers.py`: each function is what a person would write with that tool, imports included.

    python benchmarks/peer_contenders.py NAME IMAGES OUT

runs one in a process of its own: gates of SE-ResNet-50 (timm's legacy_seresnet50, random weights of seed 0) for a folder of
images. Nothing is imported before it begins, so that its start counts as a person waits for it.
"""

import functools
import importlib.machinery
import importlib.util
import inspect
import sys
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Gates = Mapping[str, NDArray[Any]]


def ours(images: Path, out: Path, *, keep: str) -> None:
    from senet_viz import load_model, record

    record(load_model("timm:legacy_seresnet50", weights="random"), images, out, keep=keep)


def ours_fast(images: Path, out: Path) -> None:
    from senet_viz import load_model, record
    from senet_viz.recording.options import RecordOptions

    record(
        load_model("timm:legacy_seresnet50", weights="random"),
        images,
        out,
        options=RecordOptions(keep="none", fast=True),
    )


def loop(images: Path, out: Path, *, workers: int, channels_last: bool, batch_size: int = 64) -> None:
    import timm
    import torch
    from torch.utils.data import DataLoader
    from torchvision import transforms as T
    from torchvision.datasets import ImageFolder

    torch.manual_seed(0)
    network = timm.create_model("legacy_seresnet50").eval()
    if channels_last:
        network = network.to(memory_format=torch.channels_last)
    normalise = T.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    prepare = T.Compose([T.Resize(256), T.CenterCrop(224), T.ToTensor(), normalise])
    found: dict[str, list[torch.Tensor]] = {}
    for name, module in network.named_modules():
        if name.endswith("se_module.sigmoid"):
            values = found.setdefault(name, [])
            module.register_forward_hook(lambda _m, _i, gate, values=values: values.append(gate.flatten(1).cpu()))
    with torch.inference_mode():
        for batch, _ in DataLoader(ImageFolder(str(images), prepare), batch_size, num_workers=workers):
            network(batch.contiguous(memory_format=torch.channels_last) if channels_last else batch)
    out.mkdir()
    for name, values in found.items():
        np.save(out / f"{name}.npy", torch.cat(values).numpy())


def feature_extractor(images: Path, out: Path) -> None:
    import timm
    import torch
    from torch.utils.data import DataLoader
    from torchvision import transforms as T
    from torchvision.datasets import ImageFolder
    from torchvision.models.feature_extraction import create_feature_extractor

    torch.manual_seed(0)
    network = timm.create_model("legacy_seresnet50").eval()
    names = [name for name, _ in network.named_modules() if name.endswith("se_module.sigmoid")]
    extractor = create_feature_extractor(network, names).to(memory_format=torch.channels_last)
    normalise = T.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    prepare = T.Compose([T.Resize(256), T.CenterCrop(224), T.ToTensor(), normalise])
    found: dict[str, list[torch.Tensor]] = {name: [] for name in names}
    with torch.inference_mode():
        for batch, _ in DataLoader(ImageFolder(str(images), prepare), batch_size=64):
            for name, gate in extractor(batch.contiguous(memory_format=torch.channels_last)).items():
                found[name].append(gate.flatten(1))
    out.mkdir()
    for name, values in found.items():
        np.save(out / f"{name}.npy", torch.cat(values).numpy())


def torchlens(images: Path, out: Path) -> None:
    import timm
    import torch
    import torchlens
    from torchvision import transforms as T
    from torchvision.datasets import ImageFolder

    torch.manual_seed(0)
    network = timm.create_model("legacy_seresnet50").eval()
    names = [name for name, _ in network.named_modules() if name.endswith("se_module.sigmoid")]
    normalise = T.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    prepare = T.Compose([T.Resize(256), T.CenterCrop(224), T.ToTensor(), normalise])
    stimuli = (image for image, _ in ImageFolder(str(images), prepare))
    with torch.no_grad():
        found = torchlens.extract_dataset(network, stimuli, names, batch_size=64, progress=False)
    out.mkdir()
    for name, values in found.items():
        np.save(out / f"{name}.npy", values.flatten(1).numpy())


def thingsvision(images: Path, out: Path) -> None:
    import timm
    import torch
    from thingsvision import get_extractor_from_model
    from thingsvision.utils.data import DataLoader, ImageDataset
    from torchvision import transforms as T

    torch.manual_seed(0)
    network = timm.create_model("legacy_seresnet50").eval()
    names = [name for name, _ in network.named_modules() if name.endswith("se_module.sigmoid")]
    normalise = T.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    prepare = T.Compose([T.Resize(256), T.CenterCrop(224), T.ToTensor(), normalise])
    extractor = get_extractor_from_model(network, device="cpu", backend="pt", preprocess=prepare)
    data = ImageDataset(root=str(images), out_path=str(out), backend="pt", transforms=extractor.get_transformations())
    batches = DataLoader(dataset=data, batch_size=64, backend="pt")
    extractor.extract_features(batches, module_names=names, flatten_acts=True, output_dir=str(out))


def bare(images: Path, _out: Path) -> None:
    import timm
    import torch
    from torch.utils.data import DataLoader
    from torchvision import transforms as T
    from torchvision.datasets import ImageFolder

    torch.manual_seed(0)
    network = timm.create_model("legacy_seresnet50").eval().to(memory_format=torch.channels_last)
    normalise = T.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    prepare = T.Compose([T.Resize(256), T.CenterCrop(224), T.ToTensor(), normalise])
    with torch.inference_mode():
        for batch, _ in DataLoader(ImageFolder(str(images), prepare), batch_size=64):
            network(batch.contiguous(memory_format=torch.channels_last))


class _NoTensorFlow(types.ModuleType):
    """Takes TensorFlow's place, which thingsvision imports and does not use for networks of PyTorch."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__spec__, self.__path__ = importlib.machinery.ModuleSpec(name, None), []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return sys.modules.get(f"{self.__name__}.{name}") or type(name, (), {"list_physical_devices": lambda _kind: []})


def prepare_thingsvision() -> None:
    """What thingsvision 2.7 needs to be imported beside NumPy 2 and without TensorFlow; its start is the quicker for it."""
    vars(np)["AxisError"] = np.exceptions.AxisError
    for name in ("", ".keras", ".keras.applications", ".keras.layers"):
        sys.modules[f"tensorflow{name}"] = _NoTensorFlow(f"tensorflow{name}")


def read_arrays(out: Path) -> Gates:
    """Gates in one .npy per block."""
    return {file.stem: np.load(file) for file in sorted(out.glob("*.npy"))}


def read_thingsvision(out: Path) -> Gates:
    """Gates in a folder per block, a .npy per so many batches."""
    files: dict[str, list[Path]] = {}
    for file in out.glob("*/*.npy"):
        files.setdefault(file.parent.name, []).append(file)
    first = {name: sorted(each, key=lambda f: int(f.stem.split("_")[-1].split("-")[0])) for name, each in files.items()}
    return {name: np.concatenate([np.load(file) for file in each]) for name, each in first.items()}


class Contender(NamedTuple):
    """Who takes part.

    Attributes:
        run: takes the folder of images and one to write.
        read: what was written as (N, C) per block; None where it is a recording, or nothing.
        lost: on a kill.
        needs: a package that only the benchmark uses; "" for none.
    """

    run: Callable[[Path, Path], None]
    read: Callable[[Path], Gates] | None
    lost: str
    needs: str = ""

    @property
    def lines(self) -> int:
        """Of code that a person writes."""
        function = self.run.func if isinstance(self.run, functools.partial) else self.run
        return sum(1 for line in inspect.getsource(function).splitlines()[1:] if line.strip())

    @property
    def missing(self) -> bool:
        return bool(self.needs) and importlib.util.find_spec(self.needs) is None


ALL = "everything: gates are in memory until the last image"
COMMITTED = "at most 30 s of work; the same call resumes and ends with the same bits"
CONTENDERS = {
    "ours, keep all": Contender(functools.partial(ours, keep="all"), None, COMMITTED),
    "ours, keep none": Contender(functools.partial(ours, keep="none"), None, COMMITTED),
    "ours, keep none, fast": Contender(ours_fast, None, COMMITTED),
    **{
        f"loop, {workers} workers{', channels last' if last else ''}": Contender(
            functools.partial(loop, workers=workers, channels_last=last), read_arrays, ALL
        )
        for workers in (0, 1, 2)
        for last in (False, True)
    },
    "loop, 0 workers, channels last, 16 images a forward": Contender(
        functools.partial(loop, workers=0, channels_last=True, batch_size=16), read_arrays, ALL
    ),
    "create_feature_extractor": Contender(feature_extractor, read_arrays, ALL),
    "torchlens": Contender(
        torchlens, read_arrays, f"{ALL}; with output_dir the batch in work, and it can resume", "torchlens"
    ),
    "thingsvision": Contender(
        thingsvision, read_thingsvision, "gates since the last file, one per 42 batches; it cannot resume", "thingsvision"
    ),
    "decode and bare forward": Contender(bare, None, "nothing is kept"),
}  # fmt: skip


if __name__ == "__main__":
    sys.path.pop(0)  # this folder, in which packages are not looked for
    contender, images, out = sys.argv[1:]
    if contender == "thingsvision":
        prepare_thingsvision()
    CONTENDERS[contender].run(Path(images), Path(out))
