"""The typed settings that the sections of a config are checked against."""
