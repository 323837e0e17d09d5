"""What competes, and what is measured, each in a process of its own."""
