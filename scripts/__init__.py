"""Entry points; an installed package has them as esc50.commands."""
