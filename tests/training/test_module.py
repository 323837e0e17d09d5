import json

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from pytorch_lightning.plugins.precision import MixedPrecision
from sklearn.utils.class_weight import compute_class_weight

from esc50.data.datamodule import ESC50DataModule
from esc50.data.tables.table import read_table
from esc50.errors import UserError
from esc50.training.module import build_module, check_module
from tests.model.hub_folders import AST_FEATURES, make_ast


def data_of(plain):
    return ESC50DataModule.from_config(plain)


@pytest.fixture
def plain(config):
    return lambda *overrides: OmegaConf.to_container(config(*overrides), resolve=True)


def test_network_objective_and_optimizer_are_those_of_the_config(plain):
    settings = ["optimizer=sgd", "optimizer.lr=0.25", "label_smoothing=0.1", "input_mean=2.0"]
    module = build_module(plain(*settings), data_of(plain(*settings)), {"seed": 7})
    assert module(torch.randn(2, 1, 32, 32)).shape == (2, 5)
    assert (module.objective.label_smoothing, module.objective.input_mean) == (0.1, 2.0)
    optimizer = module.make_optimizer(module.parameters())
    assert type(optimizer) is torch.optim.SGD and optimizer.defaults["lr"] == 0.25
    assert module.specification["classes"] == [f"tone{i}" for i in range(5)]
    assert module.specification["seed"] == 7 and module.schedule is None


def test_blocks_can_only_learn_at_a_part_of_a_rate_that_is_given(plain):
    section = plain("model.layer_decay=0.5", "optimizer.lr=null")
    with pytest.raises(UserError, match=r"model\.layer_decay=0\.5 .* give it as optimizer\.lr="):
        check_module(section)
    del section["optimizer"]["lr"]
    with pytest.raises(UserError, match=r"model\.layer_decay=0\.5 .* give it as optimizer\.lr="):
        check_module(section)


@pytest.mark.parametrize(("labels", "said"), [("Tone{}", True), ("LABEL_{}", False)])
def test_a_network_of_the_hub_for_the_very_classes_is_spoken_of(
    plain, tmp_path, capsys, labels, said
):
    make_ast(tmp_path)
    path = tmp_path / "config.json"
    about = json.loads(path.read_text())
    about["id2label"] = {str(number): labels.format(number) for number in range(5)}
    about["label2id"] = {name: int(number) for number, name in about["id2label"].items()}
    path.write_text(json.dumps(about))
    section = plain("model=ast", f"model.weights={tmp_path}", *AST_FEATURES)
    build_module(section, data_of(section), {})
    assert ("answers for these very classes" in capsys.readouterr().err) == said


@pytest.mark.parametrize("choice", ["adam", "adamw", "sgd"])
def test_gradients_can_be_clipped_in_mixed_precision(plain, choice):
    def made(*overrides):
        section = plain(f"optimizer={choice}", "trainer.precision=bf16-mixed", *overrides)
        return build_module(section, data_of(section), {}).make_optimizer([weight])

    weight = torch.nn.Parameter(torch.ones(4))
    weight.grad = torch.full_like(weight, 3.0)
    MixedPrecision("bf16-mixed", "cpu").clip_gradients(made("trainer.gradient_clip_val=1.0"), 1.0)
    assert weight.grad.norm().item() == pytest.approx(1.0)
    assert made().defaults["fused"]


@pytest.mark.parametrize(
    ("choice", "interval", "kind"),
    [
        ("onecycle", "step", torch.optim.lr_scheduler.OneCycleLR),
        ("cosine", "epoch", torch.optim.lr_scheduler.CosineAnnealingLR),
        ("plateau", "epoch", torch.optim.lr_scheduler.ReduceLROnPlateau),
    ],
)
def test_a_scheduler_is_built_for_the_training_it_is_of(plain, choice, interval, kind):
    section = plain(f"scheduler={choice}")
    module = build_module(section, data_of(section), {})
    scheduler = module.schedule.build(module.make_optimizer(module.parameters()), 77)
    assert type(scheduler) is kind
    assert (module.schedule.interval, module.schedule.monitor) == (interval, "val/loss")
    assert choice != "onecycle" or scheduler.total_steps == 77


@pytest.mark.parametrize(("monitor", "better"), [("val/loss", -0.1), ("val/acc", 0.1)])
def test_a_plateau_lowers_the_rate_only_where_the_monitored_metric_got_no_better(
    plain, monitor, better
):
    section = plain("scheduler=plateau", "scheduler.patience=0", f"monitor={monitor}")
    module = build_module(section, data_of(section), {})
    optimizer = module.make_optimizer(module.parameters())
    scheduler, rates = module.schedule.build(optimizer, 9), []
    for value in (0.5, 0.5 + better, 0.5):
        scheduler.step(value)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == [1e-3, 1e-3, 5e-4]


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("model", "model.deep is not an argument of"),
        ("optimizer", "optimizer.deep is not an argument of torch.optim.Adam"),
        ("scheduler", "scheduler.deep is not an argument of"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(plain, section, words):
    fine = plain("scheduler=cosine")
    check_module(fine)
    with pytest.raises(UserError, match=words):
        check_module(fine | {section: fine[section] | {"deep": 3}})


def test_a_schedule_that_ends_before_the_run_is_refused_and_one_that_fits_is_built_anew(plain):
    section = plain("scheduler=onecycle", "scheduler.total_steps=5")
    module = build_module(section, data_of(section), {})
    optimizer = module.make_optimizer(module.parameters())
    assert module.schedule.build(optimizer, 5).total_steps == 5
    with pytest.raises(UserError, match=r"total_steps=5 is less than the 6 .* or null"):
        module.schedule.build(optimizer, 6)
    section = plain("scheduler=onecycle")
    schedule = build_module(section, data_of(section), {}).schedule
    assert [schedule.build(optimizer, steps).total_steps for steps in (7, 9)] == [7, 9]


def test_what_an_optimizer_refuses_is_told_with_its_name(plain):
    section = plain("+optimizer.eps=-1.0")
    module = build_module(section, data_of(section), {})
    with pytest.raises(UserError, match=r"optimizer: torch.optim.Adam refuses .*epsilon"):
        module.make_optimizer(module.parameters())


def test_what_these_clips_cannot_give_is_refused(plain, tiny):
    table, data = read_table(tiny), data_of(plain())
    with pytest.raises(UserError, match="takes the classes of ESC-50: use val/acc"):
        build_module(plain("monitor=val/acc_category5"), data, {})
    data.table = table.select(table.labels == 0)
    with pytest.raises(UserError, match="has one class, tone0: two are needed"):
        build_module(plain(), data, {})


def test_class_weights_are_those_of_the_training_clips_alone(plain, tiny):
    section = plain("class_weights=balanced")
    assert build_module(plain(), data_of(plain()), {}).class_weights is None
    data, table = data_of(section), read_table(tiny)
    # Fold 1 is tested, fold 2 validated: what is left out of them must change nothing.
    kept = (table.labels != 0) | (table.folds <= 3)
    data.table = table.select(kept)
    targets = data.table.targets[data.table.folds > 2]
    expected = compute_class_weight("balanced", classes=np.arange(5), y=targets)
    weights = build_module(section, data, {}).class_weights
    np.testing.assert_allclose(weights, expected, rtol=1e-6)
    assert weights[0] > 2 * weights[1]


def test_blocks_have_rates_of_their_own_under_a_schedule(plain):
    settings = ["model.layer_decay=0.5", "scheduler=onecycle", "optimizer.lr=0.1"]
    module = build_module(plain(*settings), data_of(plain(*settings)), {})
    optimizer = module.make_optimizer(module.parameters())
    scheduler = module.schedule.build(optimizer, 10)
    for _ in range(10):
        optimizer.step()
        rates = [group["lr"] for group in optimizer.param_groups]
        assert rates == pytest.approx([rates[0] * 0.5**i for i in range(10)])
        scheduler.step()
