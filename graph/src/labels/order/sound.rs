//! Whether the list is what it says it is. For tests and fuzzing.

use super::entry::Entry;
use super::{LAST, LEAF, Order, TIER};
use crate::labels::{PAIR, Recs};

impl Order {
    /// All entries, in the order of the list. Panics where a bound, a count or a tag is wrong.
    pub(crate) fn sound(&self, recs: &Recs) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut least = None;
        for (tier, number) in self.tiers.iter().zip(0..) {
            assert!((1..=TIER).contains(&tier.leaves.len()), "leaves of tier {number}");
            assert_eq!(tier.first, tier.leaves[0].first, "the bound of tier {number}");
            let mut counted = (0, 0, 0);
            for (leaf, at) in tier.leaves.iter().zip(0..) {
                assert!((1..=LEAF).contains(&leaf.len()), "entries of leaf {number}:{at}");
                match least {
                    None => assert_eq!(leaf.first, 0, "the first bound of all"),
                    Some(least) => assert!(leaf.first > least, "the bound of leaf {number}:{at}"),
                }
                let here: Vec<Entry> = leaf.entries().collect();
                let is_of = |wanted: &dyn Fn(&Entry) -> bool| {
                    u32::try_from(here.iter().filter(|entry| wanted(entry)).count()).unwrap_or(0)
                };
                assert_eq!(leaf.disks(), is_of(&|entry| !entry.is_close()));
                assert_eq!(leaf.targets(), is_of(&|entry| entry.is_target()));
                counted.0 += leaf.disks();
                counted.1 += u32::try_from(here.len()).unwrap_or(0);
                counted.2 += leaf.targets();
                for entry in &here {
                    let tag = entry.tag(recs);
                    assert!(least.is_none_or(|least| tag > least), "tags grow along the list");
                    assert!(tag >= leaf.first && tag < LAST);
                    assert_eq!(self.leaf_of(tag), (number, at), "where {tag} is looked for");
                    least = Some(tag);
                    let (slot, flags) = (entry.slot(), recs.flags(entry.slot()));
                    if entry.is_close() {
                        assert!(flags & PAIR != 0, "{slot} ends and is no pair");
                    } else {
                        let id = crate::DiskId { slot, generation: entry.generation };
                        assert!(recs.get(slot).is_of(id), "the generation of {slot}");
                        let is_alone = recs.get(slot).close() == tag + 1;
                        assert!(is_alone || flags & PAIR != 0, "{slot} is alone");
                    }
                }
                entries.extend(here);
            }
            assert_eq!(counted, (tier.disks, tier.entries, tier.targets), "tier {number}");
        }
        entries
    }
}
