"""Rows of annotation tables that are no event of their own: files without one, other views."""

from esc50.data.notices import notice, some
from esc50.data.tables.columns import ColumnNames, read_filenames
from esc50.data.tables.table_file import TableFile
from esc50.data.tables.times import find_times
from esc50.errors import UserError

NONE = {"", "nan", "none", "null", "na", "n/a", "-"}  # written for no time and no class
VIEW, SELECTION = "View", "Selection"  # Raven's: a selection is listed once for each view


def leave_out_others(file: TableFile, names: ColumnNames, outside: bool) -> TableFile:
    """Leave out what annotation tools list beside events, and say how much it was.

    That is files without an event, as DCASE's tables hold them, whose times and class are empty;
    and each selection's rows but the first where Raven lists it for several views.

    Args:
        file: the table; one without a column of beginnings is left as it is.
        names: which of its columns mean what.
        outside: allow files outside the folder of audio.

    Raises:
        UserError: it holds no event.
    """
    times = find_times(file, names)
    label = file.find(names.label)
    if times is None or label is None:
        return file
    said = [*times.all, label]
    return _without_repeats(_without_silence(file, said), names, said, outside)


def _without_silence(file: TableFile, said: list[str]) -> TableFile:
    cells = zip(*(file.columns[column] for column in said), strict=True)
    void = [all(cell.casefold() in NONE for cell in row) for row in cells]
    columns = ", ".join(map(repr, said))
    if all(void):
        raise UserError(f"{file.path} lists no event: {columns} are empty in all rows.")
    if any(void):
        notice(
            f"{file.path}: {sum(void)} of {len(file)} rows are empty in {columns}: files without "
            "an event, which make no clip (one of a class of its own takes times and a name)"
        )
    return file.keep([not one for one in void])


def _without_repeats(
    file: TableFile, names: ColumnNames, said: list[str], outside: bool
) -> TableFile:
    view = file.find([VIEW])
    if view is None:
        return file
    if number := file.find([SELECTION]):
        said = [number, *said]
    filenames = read_filenames(file, names.file, outside)
    views = file.columns[view]
    selections = list(zip(filenames, *(file.columns[column] for column in said), strict=True))
    first: dict[tuple[str, ...], str] = {}
    kept = [first.setdefault(*pair) == pair[1] for pair in zip(selections, views, strict=True)]
    if not all(kept):
        others = sorted({name for name, keep in zip(views, kept, strict=True) if not keep})
        notice(
            f"{file.path}: {len(kept) - sum(kept)} of {len(file)} rows list a selection once more, "
            f"in another {view} ({some(others)}): each counts once"
        )
    return file.keep(kept)
