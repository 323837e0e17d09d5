"""Arrays that are computed once: entries whole or not at all, and builds that go on."""
