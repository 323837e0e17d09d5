"""Networks' training steps in bfloat16 against float32: what `trainer.precision=auto` rests on."""

from pathlib import Path

from bench.contest import Contestant, compete, make_row
from esc50.data.progress_bar import progress_bar

VISION = (
    "mobilenet_v3_small efficientnet_b0 mnasnet0_5 shufflenet_v2_x0_5 efficientnet_v2_s".split()
)
VISION += "convnext_tiny resnet50 densenet121".split()
NETWORKS = {  # overrides, picture
    "resnet18, 128 x 128": (["model=resnet18"], (128, 128)),
    "resnet18 of 32 channels, 128 x 128": (["model=resnet18", "model.width=32"], (128, 128)),
    "resnet18_2x4, 128 x 64": (["model=resnet18_2x4"], (128, 64)),
    "resnet18, 32 x 32": (["model=resnet18"], (32, 32)),
    **{name: (["model=torchvision", f"model.name={name}"], (128, 128)) for name in VISION},
    "vit_tiny": (["model=vit_tiny"], (128, 128)),
}


def precisions(scratch: Path, repeats: int, batch_size: int = 16, steps: int = 2) -> list[dict]:
    """(i) Clips per second of each network's step in bfloat16, against float32."""
    rows = []
    for name, (overrides, size) in NETWORKS.items():
        how = {"overrides": overrides, "size": size, "batch_size": batch_size, "steps": steps}
        who = {
            kind: Contestant("bench.contestants.step:bare", {**how, "bfloat16": kind == "bfloat16"})
            for kind in ("bfloat16", "float32")
        }
        with progress_bar(name, repeats * len(who)) as advance:
            done = compete(who, repeats, scratch, advance)
        outcome, other = done["bfloat16"], done["float32"]
        rows.append(
            make_row("i", f"{name}, bfloat16", "clips/s", outcome, against="float32", other=other)
        )
    return rows
