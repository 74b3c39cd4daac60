"""What trains what, on a network of two small vectors: against steps taken by hand, and part by part."""

import copy

import lightning
import pytest
import torch
from torch.nn.functional import cross_entropy

from BreastFusionLib.errors import InputError, MemoryShortage
from BreastFusionLib.models import FusionNetwork, ModelSpec, build_network
from BreastFusionLib.training import load_recipe, module, train
from BreastFusionLib.training.module import FusionModule
from BreastFusionLib.training.portions import Portions
from BreastFusionLib.training.spec import TrainingSpec
from BreastFusionLib.training.trainer import quiet_lightning

MODEL = ModelSpec(encoder=None, towers={"mri": (6,), "clinical": (5,)}, head=(4,), auxiliary_heads=True)
COUNT = 7


@pytest.fixture
def network():
    torch.manual_seed(0)
    return build_network(MODEL, {}, {"mri": 3, "clinical": 2}, 2, load_weights=False)


def batch() -> dict:
    generator = torch.Generator().manual_seed(1)
    return {
        "labels": torch.tensor([0, 1, 0, 1, 1, 0, 1]),
        "vectors": {
            "mri": torch.randn(COUNT, 3, generator=generator),
            "clinical": torch.randn(COUNT, 2, generator=generator),
        },
        "present": {"mri": torch.ones(COUNT, dtype=torch.bool), "clinical": torch.ones(COUNT, dtype=torch.bool)},
        "images": {},
        "rows": torch.arange(COUNT),
        "cases": COUNT,
    }


def fitted(network, **settings):
    """Train a copy of a network on one batch an epoch."""
    spec = TrainingSpec(
        **{"learning_rate": 0.05, "milestones": (), "optimiser": "adam", "weight_decay": 0.01, **settings}
    )
    module = FusionModule(copy.deepcopy(network).train(), spec, None, 1)
    trainer = lightning.Trainer(
        max_epochs=spec.epochs, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    with quiet_lightning():
        trainer.fit(module, torch.utils.data.DataLoader([batch()], batch_size=None))
    return module.network


def part_state(network) -> dict:
    return {
        name: tensor
        for name, tensor in network.state_dict().items()
        if name.partition(".")[0] in ("towers", "part_heads")
    }


def head_state(network) -> dict:
    return {name: tensor for name, tensor in network.state_dict().items() if name.startswith("head")}


def output_of(network, stop):
    network.stop = stop
    data = batch()
    return network({}, data["vectors"], data["present"]), data["labels"]


def test_separate_optimisers_are_an_optimiser_for_each_part_on_its_own_loss(network):
    by_hand = copy.deepcopy(network).train()
    optimisers = {
        part: torch.optim.Adam(list(by_hand.part_parameters(part)), lr=0.05, weight_decay=0.01)
        for part in by_hand.parts
    }
    fusion = torch.optim.Adam(list(by_hand.fusion_parameters()), lr=0.05, weight_decay=0.01)
    for _ in range(4):
        output, labels = output_of(by_hand, "fusion")
        losses = {part: cross_entropy(logits, labels) for part, logits in output.parts.items()}
        losses["fusion"] = cross_entropy(output.logits, labels)
        for part, optimiser in {**optimisers, "fusion": fusion}.items():
            optimiser.zero_grad()
            losses[part].backward()
            optimiser.step()
    found = fitted(network, optimisation="separate_optimisers", epochs=4)
    torch.testing.assert_close(found.state_dict(), by_hand.state_dict())


def test_joint_losses_are_one_step_down_the_sum_of_the_losses(network):
    by_hand = copy.deepcopy(network).train()
    output, labels = output_of(by_hand, "nothing")
    total = cross_entropy(output.logits, labels) + sum(
        cross_entropy(logits, labels) for logits in output.parts.values()
    )
    total.backward()
    with torch.no_grad():
        for parameter in by_hand.parameters():
            parameter -= 0.05 * parameter.grad
    found = fitted(network, optimisation="joint_losses", epochs=1, optimiser="sgd", momentum=0.0, weight_decay=0.0)
    torch.testing.assert_close(found.state_dict(), by_hand.state_dict())


def test_with_one_loss_the_towers_learn_from_the_fused_output_alone(network):
    by_hand = copy.deepcopy(network).train()
    output, labels = output_of(by_hand, "nothing")
    cross_entropy(output.logits, labels).backward()
    expected = {name: p - 0.05 * p.grad for name, p in by_hand.named_parameters() if p.grad is not None}
    found = fitted(
        network, optimisation="one_loss", epochs=1, optimiser="sgd", momentum=0.0, weight_decay=0.0
    ).state_dict()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value.detach())
    heads = [name for name in found if name.startswith("part_heads")]
    assert all(not torch.equal(found[name], network.state_dict()[name]) for name in heads)


def test_a_part_that_is_optimised_alone_does_not_depend_on_the_fusion(network):
    separate = fitted(network, optimisation="separate_optimisers", epochs=3)
    parts_only = fitted(network, optimisation="staged", part_epochs=3, epochs=4)
    joint = fitted(network, optimisation="joint_losses", epochs=3)
    torch.testing.assert_close(part_state(separate), part_state(parts_only))
    assert not torch.equal(part_state(separate)["towers.mri.0.weight"], part_state(joint)["towers.mri.0.weight"])


def test_in_stages_the_parts_come_first_and_rest_while_the_fusion_learns(network):
    first = fitted(network, optimisation="staged", part_epochs=2, epochs=2)
    assert all(torch.equal(tensor, head_state(network)[name]) for name, tensor in head_state(first).items())
    assert all(not torch.equal(tensor, part_state(network)[name]) for name, tensor in part_state(first).items())
    both = fitted(network, optimisation="staged", part_epochs=2, epochs=5)
    # Bit for bit, in spite of Adam's momenta and the weight decay.
    assert all(torch.equal(tensor, part_state(first)[name]) for name, tensor in part_state(both).items())
    assert all(not torch.equal(tensor, head_state(network)[name]) for name, tensor in head_state(both).items())


@pytest.mark.parametrize("micro_batch", [1, 3])
@pytest.mark.parametrize("optimisation", ["one_loss", "joint_losses", "separate_optimisers"])
def test_a_batch_in_portions_trains_as_the_whole(network, optimisation, micro_batch):
    whole = fitted(network, optimisation=optimisation, epochs=3)
    divided = fitted(network, optimisation=optimisation, epochs=3, micro_batch=micro_batch)
    torch.testing.assert_close(divided.state_dict(), whole.state_dict())


class ShortMemory(FusionNetwork):
    """A network whose memory runs out in the middle of a batch."""

    holds: int
    asked: list[int]

    def fuse(self, features, vectors, present):
        self.asked.append(len(vectors["mri"]))
        if self.asked[-1] > self.holds:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return super().fuse(features, vectors, present)


@pytest.mark.parametrize("holds", [6, 3, 1])
def test_when_memory_runs_out_the_batch_is_halved_said_once_and_trained_the_same(network, holds, caplog):
    whole = fitted(network, epochs=3)
    network.__class__ = ShortMemory
    network.holds, network.asked = holds, []
    found = fitted(network, epochs=3)
    torch.testing.assert_close(found.state_dict(), whole.state_dict())
    said = [record.getMessage() for record in caplog.records if "memory" in record.getMessage()]
    assert len(said) == 1
    assert "too small for 7 cases at once" in said[0]
    # 7, 4, 2, 1 are tried in the first batch; later ones begin with what was enough.
    enough = next(size for size in (7, 4, 2, 1) if size <= holds)
    portions = -(-7 // enough)
    assert sum(found.asked[-portions:]) == 7
    assert max(found.asked[-2 * portions :]) <= enough


@pytest.mark.parametrize(
    ("size", "count", "sizes"), [(7, 8, [4, 4]), (4, 13, [3, 3, 3, 4]), (3, 2, [2]), (1, 2, [1, 1])]
)
def test_portions_are_even_so_that_no_remainder_of_one_case_is_normalised_alone(size, count, sizes):
    rows = Portions(size).each(lambda part: list(range(count))[part], count, lambda: None)
    assert sorted(map(len, rows)) == sizes
    assert [row for part in rows for row in part] == list(range(count))


def test_memory_for_less_than_one_case_is_a_sentence(network):
    network.__class__ = ShortMemory
    network.holds, network.asked = 0, []
    with pytest.raises(MemoryShortage, match="too small for a single case"):
        fitted(network, epochs=1)


def test_memory_for_less_than_the_images_of_a_batch_is_a_sentence(cohort, tmp_path, tiny_recipe, monkeypatch):
    def run_out(batch):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(module, "augmented", run_out)
    with pytest.raises(MemoryShortage, match=r"hold and change a batch of 8 cases, .* lower training\.batch_size"):
        train(tiny_recipe(), cohort, tmp_path / "run", device="cpu")


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["training.optimisation=joint_losses", "model.auxiliary_heads=false"], "Set model.auxiliary_heads to true"),
        (["training.optimisation=staged"], "fewer than all 100 epochs for the parts, found 0"),
        (["training.optimisation=staged", "training.part_epochs=100"], "for the parts, found 100"),
        (["training.label_smoothing=1"], "label_smoothing: 1 should be less than 1"),
        (["training.precision=8"], "precision"),
    ],
)
def test_settings_that_do_not_fit_are_told(overrides, words):
    with pytest.raises(InputError, match=words):
        load_recipe("fusion", overrides)


def test_a_precision_may_be_written_as_a_number():
    assert load_recipe("fusion", ["training.precision=32"]).training.precision == "32"


def test_encoder_and_statistics_of_its_features_rest_with_the_parts(cohort, tmp_path, tiny_recipe):
    model = {"towers": {"dce": [8, "drop"], "t1": [8], "clinical": [4]}}
    spec = {"optimisation": "staged", "part_epochs": 2, "epochs": 5, "patience": None}
    weights = {}

    def remember(epoch: int, _: int) -> None:
        path = tmp_path / "run" / "checkpoints" / "last.ckpt"
        weights[epoch] = torch.load(path, weights_only=True)["state_dict"]

    train(tiny_recipe(spec, model), cohort, tmp_path / "run", device="cpu", epoch_progress=remember)
    changed = {name.split(".")[1] for name in weights[3] if not torch.equal(weights[3][name], weights[5][name])}
    assert changed == {"head"}
