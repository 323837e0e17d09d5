"""How results look: tables, figures, on a console and in Markdown."""
