"""The page about a data set: what is in it, what to mend, how it sounds."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from esc50.audio.augment_params import make_recipe
from esc50.audio.spec import make_spec
from esc50.config.schema.sections import DataSettings
from esc50.config.schema.settings import Settings
from esc50.data.audit import Audit, audit_split
from esc50.data.cache.digests import clip_digests
from esc50.data.datasets import open_clips
from esc50.data.features import clip_features, profiles
from esc50.data.near import NEAR
from esc50.data.progress_bar import progress_bar
from esc50.data.split import Split, SplitSettings, draw_split
from esc50.data.tables.folds import FoldsError
from esc50.errors import UserError
from esc50.report.exploration import charts, tables
from esc50.report.exploration.augmentation import DRAWS, show_augmentation
from esc50.report.exploration.clip_map import Reduction, clip_profiles, place_clips
from esc50.report.exploration.duplicates import clip_sides, find_duplicates
from esc50.report.exploration.examples import Example, show_examples
from esc50.report.exploration.findings import Finding, find_faults
from esc50.report.exploration.statistics import measure_clips, write_clips_csv
from esc50.report.figures import Chart, save_images
from esc50.report.media import clip_sound, picture_seconds
from esc50.report.page import write_page
from esc50.results.labels import label, labels


class ExplorationSettings(Settings):
    """The keys of conf/explore.yaml itself."""

    output_dir: Annotated[str, Field(min_length=1)]
    seed: Annotated[int, Field(ge=0)]
    examples: Annotated[int, Field(ge=1)]
    seconds: Annotated[float, Field(ge=0.1, le=60)]
    sounds: Literal["examples", "all"]
    clip: str | None
    reduction: Reduction
    png: bool


class Exploration:
    """One data set as its config says: opened, measured, and drawn when its page is written."""

    def __init__(self, config: Mapping[str, Any], name: str) -> None:
        """Check the config, then measure the clips and compute what is computed of them.

        Args:
            config: of conf/explore.yaml, as plain dictionaries.
            name: of the data set, for the title and the page's folder.

        Raises:
            UserError: a wrong key, or what the data set refuses. A clip that cannot be read is no
                error: the page says so.
        """
        own = {key: config[key] for key in ExplorationSettings.model_fields}
        self.settings, self.name = ExplorationSettings.parse("", own), name
        self.spec = make_spec(config["features"])
        self.recipe = make_recipe(config["augment"])
        self.recipe.check_features(self.spec)
        self.storage = DataSettings.of(config["data"])
        self.split_settings = SplitSettings.parse("split", config["split"])
        self.unfolded: FoldsError | None = None
        try:
            clips = open_clips(config["data"])
        except FoldsError as error:  # which is no reason not to look at the clips
            clips, self.unfolded = open_clips(config["data"], folds=False), error
        self.statistics = measure_clips(clips, self.storage.workers, self.spec.seconds)
        self.table, cache_dir = self.statistics.table, Path(self.storage.cache_dir)
        self.clip = self._shown_clip()
        self.digests = self.table.identify(clip_digests(self.table.paths, cache_dir))
        self.features = clip_features(
            self.table, self.spec, self.digests, cache_dir, self.storage.workers
        )

    @property
    def page(self) -> Path:
        """The file that `write` makes."""
        return Path(self.settings.output_dir) / "explore" / self.name / "index.html"

    def write(self) -> None:
        """Write the page, clips.csv and, if asked for, the figures as PNG."""
        settings, statistics = self.settings, self.statistics
        split, audit, refused = self._split()
        sides = [""] * len(self.table) if split is None else clip_sides(split, len(self.table))
        duplicates = find_duplicates(self.digests, profiles(self.features))
        findings = find_faults(statistics, self.spec, duplicates, audit, sides)
        examples = show_examples(
            statistics, self.features, self.spec, settings.examples, self._heard,
            self.storage.workers,
        )  # fmt: skip
        drawn = self._charts(sides)
        protocol, fold = self.split_settings.protocol, self.split_settings.fold
        words = {"synthetic": self.table.synthetic}
        write_page(
            self.page,
            "exploration.html.j2",
            title=f"Data set {self.name}",
            labels=labels(words),
            findings=[*refused, *findings],
            facts=tables.facts(statistics, protocol, fold, split),
            files=tables.file_kinds(statistics),
            levels=tables.levels(statistics),
            duplicates=tables.duplicate_table(self.table, duplicates, sides),
            near=NEAR,
            examples=list(zip(self.table.classes, examples, strict=True)),
            spec=self.spec.log_mel,
            features=self.spec.picture.title,
            seconds_shown=picture_seconds(self.spec.log_mel),
            seconds_seen=picture_seconds(self.spec.picture),
            sounds=self._sounds(examples),
            cards=tables.clip_cards(statistics, self.page.parent),
            choices=tables.clips_by_class(self.table),
            classes=self.table.classes,
            augmentation=self._augmentation(),
            augmented=self.table.filenames[self.clip],
            recipe=type(self.recipe).__name__,
            draws=DRAWS,
            **drawn,
        )
        write_clips_csv(self.page.parent / "clips.csv", statistics, sides)
        if settings.png:
            shown = [*drawn["class_charts"], *drawn["number_charts"]]
            shown += [drawn["source_chart"], drawn["clip_map"]]
            save_images(shown, self.page.parent / "figures", label(words))

    def _shown_clip(self) -> int:
        """The clip that augmentation is shown on: as chosen, or one of little silence."""
        chosen = self.settings.clip
        if chosen is None:
            return int(
                np.where(self.table.targets == 0, self.statistics.values("silent"), 1).argmin()
            )
        if chosen not in self.table.filenames:
            raise UserError(f"clip={chosen} is no clip of {self.table.root} that can be read")
        return self.table.filenames.index(chosen)

    @property
    def _heard(self) -> float:
        """Seconds of a clip that can be heard: of a part without an end, what features are of."""
        whole = self.table.offsets is None or self.table.ends is not None
        return self.settings.seconds if whole else min(self.settings.seconds, self.spec.seconds)

    def _split(self) -> tuple[Split | None, Audit | None, list[Finding]]:
        """The chosen split and its audit; where there is none, why."""
        try:
            if self.unfolded is not None:
                raise self.unfolded
            split = draw_split(self.table, self.split_settings, self.settings.seed)
        except UserError as error:
            return None, None, [Finding(True, f"The chosen split cannot be made: {error}")]
        return split, audit_split(self.table, split, self.digests, profiles(self.features)), []

    def _charts(self, sides: Sequence[str]) -> dict[str, Any]:
        statistics, table = self.statistics, self.table
        places = place_clips(clip_profiles(profiles(self.features)), self.settings.reduction)
        colourings = {"class": [table.classes[target] for target in table.targets]}
        if statistics.categories is not None:
            colourings["super-category"] = statistics.categories[table.targets].tolist()
        colourings["fold"] = [f"fold {fold}" for fold in table.folds]
        colourings["side of the split"] = [side or "none" for side in sides]
        numbers: list[Chart] = [charts.tone_chart(statistics)]
        return {
            "class_charts": charts.class_charts(statistics),
            "number_charts": [*numbers, *charts.distribution_charts(statistics)],
            "source_chart": charts.source_chart(statistics),
            "clip_map": charts.map_chart(statistics, places, colourings),
            "colourings": list(colourings),
        }

    def _augmentation(self) -> list[Any]:
        seed = self.settings.seed
        return show_augmentation(self.table, self.features, self.spec, self.recipe, self.clip, seed)

    def _sounds(self, examples: Sequence[Sequence[Example]]) -> dict[int, str]:
        """Sounds by clip that are in the page beside the examples'."""
        if self.settings.sounds == "examples":
            return {}
        shown = {example.clip for group in examples for example in group}
        others = [clip for clip in range(len(self.table)) if clip not in shown]
        paths, table = self.table.paths, self.table
        with (
            progress_bar("sounds", len(others)) as advance,
            ThreadPoolExecutor(self.storage.workers) as pool,
        ):
            sounds = {}
            heard = self._heard, self.spec.channel
            made = pool.map(lambda clip: clip_sound(paths[clip], *heard, table.span(clip)), others)
            for clip, sound in zip(others, made, strict=True):
                advance()
                if sound:
                    sounds[clip] = sound
        return sounds
