"""Pictures of an evaluation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edgegan.cache import StageCache
from edgegan.evaluation.evaluate import Evaluation, Options, evaluate
from edgegan.evaluation.gallery import _names, gallery_of
from edgegan.evaluation.material import Material
from edgegan.evaluation.models import Contract, Model
from edgegan.generators import latents
from edgegan.generators.contract import InputSpec
from edgegan.generators.latents import Samples
from edgegan.metrics.extractor import Images
from edgegan.reports.pictures import as_pixels, data_uri
from tests.evaluation.made import save_feature_network, save_pictures

LATENT = InputSpec(name="z", shape=(3,))
LABEL = InputSpec(name="label", law="classes", classes=3, labels=("a", "b", "c"))


def model(label: str, error: float) -> Model:
    """Draws the latent's sum and, on the right, the class; later pictures of a batch are further off."""

    def run(feed: dict[str, Samples]) -> Images:
        values = np.tanh(feed["z"].sum(1)) * 0.9 + error * feed["z"][:, 0]
        images = np.repeat(values[:, None], 64, 1).reshape(-1, 1, 8, 8).astype(np.float32)
        if "label" in feed:
            images[..., 4:] = feed["label"].reshape(-1, 1, 1, 1) - 1
        return images.clip(-1, 1)

    return Model(label, label, None, run)


def evaluation(tmp_path: Path, *inputs: InputSpec) -> Evaluation:
    contract = Contract(inputs, (-1.0, 1.0), None, tmp_path)
    models = (model("int8", 0.05), model("float", 0.0))
    measured, original = (one.pictures(contract, 40, 1) for one in models)
    material = Material(measured, original, None, None, StageCache(tmp_path / "cache"))
    return Evaluation(material, models, contract, (), {}, ())


def shown(image: NDArray[np.float32]) -> str:
    pixels = as_pixels(image[None], (-1.0, 1.0))
    assert pixels is not None
    return data_uri(pixels[0])


def test_the_worst_pair_comes_first(tmp_path: Path) -> None:
    made = evaluation(tmp_path, LATENT)
    gallery = gallery_of(made)
    assert gallery.versions == ("float", "int8") and gallery.shown == 1
    material = made.material
    assert material.original is not None
    index = np.arange(40)
    measured, original = material.measured.take(index), material.original.take(index)
    worst = int(np.square(measured - original).mean((1, 2, 3)).argmax())
    tile = gallery.sections[0].rows[0][1][0]
    assert tile.pictures == (shown(original[worst]), shown(measured[worst]))
    assert tile.label.endswith(" dB")


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["x in float", "x on ort-x86"], ("in float", "on ort-x86")),
        (["float", "int8"], ("float", "int8")),
        (["a", "a"], ("a", "a")),
        (["a", "a b"], ("a", "a b")),
        (["alone at last"], ("alone at last",)),
    ],
)
def test_versions_are_named_shortly(labels: list[str], names: tuple[str, ...]) -> None:
    assert _names(labels) == names


def test_walks_start_and_end_at_latents(tmp_path: Path) -> None:
    sections = {
        section.title: section for section in gallery_of(evaluation(tmp_path, LATENT)).sections
    }
    assert set(sections) == {"Worst pairs", "Interpolation"}
    walks = sections["Interpolation"]
    assert walks.joined and [name for name, _ in walks.rows] == ["float", "int8"] * 3
    assert all(len(tiles) == 9 for _, tiles in walks.rows)
    ends = latents.draw(LATENT, 2, 0)
    images = model("float", 0.0).run({"z": ends})
    tiles = walks.rows[0][1]
    assert (tiles[0].pictures, tiles[-1].pictures) == ((shown(images[0]),), (shown(images[1]),))


def test_a_row_for_each_class(tmp_path: Path) -> None:
    sections = {s.title: s for s in gallery_of(evaluation(tmp_path, LATENT, LABEL)).sections}
    rows = sections["Classes"].rows
    assert [name for name, _ in rows] == ["a", "b", "c"]
    assert all(len(tiles) == 8 for _, tiles in rows)
    assert len({tiles[0].pictures for _, tiles in rows}) == 3


@pytest.mark.parametrize("k", [0, 3])
def test_neighbours_are_the_nearest(tmp_path: Path, k: int) -> None:
    random = np.random.default_rng(0)
    real = random.uniform(-1, 1, (30, 1, 8, 8)).astype(np.float32)
    real = np.rint((real + 1) * 127.5).astype(np.float32) / np.float32(127.5) - 1
    save_pictures(tmp_path / "real", real)
    save_pictures(tmp_path / "made", (real[:20] * 0.5).astype(np.float32))
    network = save_feature_network(tmp_path / "net.onnx", 8, dimensions=4)
    options = Options(("prc",), real=tmp_path / "real", features=str(network))
    made = evaluate(str(tmp_path / "made"), None, options, StageCache(tmp_path / "cache"))
    (section,) = gallery_of(made).sections
    assert section.title.startswith("Least real")
    material = made.material
    assert material.real is not None
    features = material.features(material.measured), material.features(material.real)
    tiles = section.rows[k][1]
    pictures = material.measured.take(np.arange(20))
    index = next(i for i in range(20) if shown(pictures[i]) == tiles[0].pictures[0])
    nearest = int(np.linalg.norm(features[1] - features[0][index], axis=1).argmin())
    assert tiles[1].pictures[0] == shown(material.real.take(np.array([nearest]))[0])
    scores = [float(tiles[0].label.removeprefix("realism ")) for _, tiles in section.rows]
    assert scores == sorted(scores)
