"""Names in CSV files that a spreadsheet would take for formulas."""

# What one begins with (OWASP, CSV Injection), also in the wide letters of East Asian keyboards.
FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def escape_cell(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would compute, so that it is shown as it is."""
    return f"'{text}" if text.lstrip("'").startswith(FORMULA) else text


def unescape_cell(cell: str) -> str:
    """Give back what `escape_cell` was given."""
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(FORMULA) else cell
