import inspect

import pytest

from esc50.config.composition import compose_config
from esc50.config.schema.fitted import FITTED
from esc50.config.targets import locate
from esc50.errors import UserError
from esc50.model.fitted import FittedNetwork


@pytest.mark.parametrize("target", FITTED)
def test_settings_are_the_arguments_of_what_they_build(target):
    network = locate("model", target)
    assert issubclass(network, FittedNetwork)
    arguments = list(inspect.signature(network).parameters)
    assert arguments == ["n_classes", *FITTED[target].model_fields]


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["trainer.max_epochs=5"], "trainer.max_epochs=5 says nothing to RandomForest"),
        (["scheduler=cosine"], "set scheduler=none"),
        (["label_smoothing=0.1", "model=svm"], "label_smoothing=0.1 says nothing to SupportVector"),
        (["callbacks=averaged"], "set callbacks.average=null"),
        (["trainer=ddp_cpu", "model=svm"], "trainer.devices=2 says nothing"),
        (["trainer.accelerator=gpu"], "set trainer.accelerator=cpu"),
        (["ckpt_path=last"], "set ckpt_path=null"),
        (["model.n_estimators=0"], "model.n_estimators=0 is invalid"),
        (["model.max_features=2"], "model.max_features=2 is invalid"),
        (["model=svm", "model.gamma=0.5"], "model.gamma=0.5 says nothing of model.kernel=linear"),
        (["model=resnet18"], "optimizer=none leaves a network as it is"),
    ],
)
def test_what_would_be_left_unread_is_refused(overrides, words):
    with pytest.raises(UserError, match=words):
        compose_config(["+experiment=classical", *overrides])


def test_a_precision_may_be_given_by_its_short_name():
    compose_config(["+experiment=classical", "trainer.precision=32"])
    with pytest.raises(UserError, match=r"trainer\.precision=bf16 says nothing"):
        compose_config(["+experiment=classical", "trainer.precision=bf16"])
