"""Command lines: every key of conf/ with values of any kind, as far as is checked before torch."""

from functools import cache

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hypothesis import strategies as st
from omegaconf import open_dict

from esc50.config.choices import CONF, quote_paths, refuse_overrides
from esc50.config.command import described_refusals
from esc50.config.resolvers import register_resolvers
from esc50.config.validation import RECIPES, check
from esc50.errors import UserError
from tests.faults.fuzz import fuzz, survives

VALUES = [
    *"null true false yes 0 1 -1 2 0.5 -0.0 1e-3 1e30 1e999 .inf -.inf .nan 0x10 1_000 10".split(),
    *"[] [1] [1,2] [a,null] {} {a:1} {_target_:os.system} auto all last imagenet none".split(),
    *"../x a/b /etc/passwd . '' \"\" 'a\\'b' ??? ${seed} ${nowhere} ${oc.env:NOWHERE} ${".split(),
    *"${oc.decode:} 1,2 range(3) choice(a,b) interval(0,1)".split(),
    *"glob(*) val/acc test/acc max min".split(),
    *["9" * 400, "a" * 5000, "[" * 300, "[" * 60 + "]" * 60, "\x1b[31m", "caf\u00e9", "\0", " "],
    *["=cmd()", "<b>", "a b", "a=b", "a,b", "$^$", "\\", "#", "\u202e", "\U0001f600", "a\nb", "@x"],
]
# Those that all commands have, beside the sections' own.
GROUPS = sorted({path.parent.relative_to(CONF).as_posix() for path in CONF.rglob("*.yaml")} - {"."})


def choices(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


@cache
def keys() -> list[str]:
    """Every key of conf/, sections too."""
    found: set[str] = set()

    def walk(section: object, key: str) -> None:
        if isinstance(section, dict):
            for name, value in section.items():
                inner = f"{key}.{name}" if key else str(name)
                found.add(inner)
                walk(value, inner)

    for path in CONF.rglob("*.yaml"):
        group = path.parent.relative_to(CONF).parts
        whole = group[:1] in ((), *((name,) for name in RECIPES))
        walk(yaml.safe_load(path.read_text()), "" if whole else ".".join(group))
    return sorted(found - {"defaults"})


@pytest.fixture(scope="module")
def composed():
    register_resolvers()
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        yield


OWN = st.one_of(
    st.integers().map(str),
    st.floats().map(str),
    st.text(max_size=12),
    st.lists(st.sampled_from(VALUES[:40]), max_size=3).map(lambda many: f"[{','.join(many)}]"),
)


@st.composite
def arguments(draw) -> list[str]:
    """One to three overrides, of keys that there are and of some that there are not."""
    made = []
    for _ in range(draw(st.integers(1, 3))):
        sign = draw(st.sampled_from(["", "", "", "", "+", "++", "~"]))
        kind = draw(st.integers(0, 9))
        if kind == 0:
            group = draw(st.sampled_from(GROUPS))
            made.append(f"{sign}{group}={draw(st.sampled_from(choices(group) + VALUES))}")
        elif kind == 1:
            made.append(draw(st.text(max_size=20) | st.sampled_from(VALUES)))
        else:
            key = draw(st.sampled_from(keys()))
            key += draw(st.sampled_from(["", "", "", "", "", ".x", "x", "._target_", "@y"]))
            made.append(f"{sign}{key}={draw(st.sampled_from(VALUES) | OWN)}")
    return made


@fuzz("configs", few=12, words=arguments())
def test_a_command_line_is_composed_or_refused(composed, words):
    with survives("configs"):
        try:
            with described_refusals():
                words = quote_paths(words)
                refuse_overrides(words)
                cfg = compose("train", words, return_hydra_config=True)
                HydraConfig.instance().set_config(cfg)
                with open_dict(cfg):
                    del cfg["hydra"]
                check(cfg)
        except SystemExit as refused:
            assert str(refused.code).startswith("error: ")
            raise UserError(str(refused.code)) from None
