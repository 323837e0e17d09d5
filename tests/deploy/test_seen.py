import numpy as np

from esc50.data.audit import Seen
from esc50.data.tables.table import read_table
from esc50.deploy.seen import audit_seen, seen_by
from tests.deploy.small import small_model


def test_an_ensemble_has_seen_what_any_of_its_networks_has():
    one = small_model(seen={"trained": ["a"], "chosen": ["b"]})
    other = small_model(seen={"trained": ["c"], "chosen": []})
    assert seen_by([one, other]) == Seen(frozenset("ac"), frozenset("b"))
    assert seen_by([]) == Seen()
    assert seen_by([one, small_model()]) is None


def test_clips_that_were_chosen_on_leak_and_others_do_not(tiny):
    table = read_table(tiny)
    digests = [f"digest {row}" for row in range(len(table))]
    clips, chosen = np.arange(10), Seen(chosen=frozenset(["digest 3"]))
    assert audit_seen(table, clips, digests, chosen).leaky
    assert not audit_seen(table, np.arange(10, 20), digests, chosen).leaky


def test_other_parts_of_a_file_leak_where_they_overlap_what_was_seen(tiny):
    table = read_table(tiny)
    digests = [f"a#t={row},{row + 1}" for row in range(len(table))]
    seen = Seen(frozenset(["a#t=3.5,3.6", "b"]))
    assert audit_seen(table, np.arange(10), digests, seen).leaky
    assert not audit_seen(table, np.arange(10, 20), digests, seen).leaky
    whole = Seen(frozenset(["a"]))
    assert audit_seen(table, np.arange(10), digests, whole).tested_in_training == 10
