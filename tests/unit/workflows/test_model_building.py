"""Any network of the package is trained into a folder that loads again; what can not be trained is refused beforehand."""

import json
from pathlib import Path

import pytest

from senet_viz.errors import ArgumentError, ModelError
from senet_viz.models.zoo import load_model
from senet_viz.workflows.model_building import ModelRequest, train_model
from senet_viz.workflows.train import TrainConfig
from tests.support.tiny import write_tiny_parquet

RECIPE = TrainConfig(phases=((1, 8),), batch_size=20, peak_rate=0.05, precision="fp32")
NETWORK = "senet_viz:se_resnet18,width=0.0625,side=32,placement=post,stages=4+5"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_parquet(tmp_path_factory.mktemp("building") / "train.parquet", 40)


def request_of(data: Path, folder: Path, network: str | None) -> ModelRequest:
    return ModelRequest(
        data=str(data), validation=str(data), folder=folder, base_channels=4, network=network, device="cpu"
    )


def test_another_network_is_trained_written_and_told(data: Path, tmp_path: Path) -> None:
    result = train_model(request_of(data, tmp_path / "model", NETWORK), RECIPE, say=lambda _: None)
    assert result["finished"]
    config = json.loads((tmp_path / "model" / "config.json").read_text(encoding="utf-8"))
    assert config["architecture"] == "se_resnet18"
    assert config["arguments"]["num_classes"] == 10
    model = load_model(tmp_path / "model", device="cpu")
    assert [g.label for g in model.gates] == ["SE_4_1", "SE_4_2", "SE_5_1", "SE_5_2"]
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert "# se_resnet18, 8 px" in card
    assert "--network senet_viz:se_resnet18,side=32,width=0.0625,placement=post,stages=4+5" in card


def test_the_state_of_another_network_is_not_resumed(data: Path, tmp_path: Path) -> None:
    request = request_of(data, tmp_path / "model", NETWORK)
    stopped = ModelRequest(**{**vars(request), "stop_after": 0.0})
    assert not train_model(stopped, RECIPE, say=lambda _: None)["finished"]
    with pytest.raises(ModelError, match=r"belongs to another training run \(network differ\)"):
        train_model(request_of(data, tmp_path / "model", None), RECIPE, say=lambda _: None)


@pytest.mark.parametrize(
    ("network", "sentence"),
    [
        ("timm:seresnet18", "is no network of this package"),
        ("senet_viz:se_resnet18,placement=3x3", "has no placement"),
        ("senet_viz:se_resnet18,gate=step", "gate is 'step'"),
    ],
)
def test_what_is_no_network_is_refused_before_anything_is_written(
    data: Path, tmp_path: Path, network: str, sentence: str
) -> None:
    with pytest.raises(ArgumentError, match=sentence):
        train_model(request_of(data, tmp_path / "model", network), RECIPE, say=lambda _: None)
    assert not (tmp_path / "model").exists()
