//! Records beside plain facts.

use std::borrow::Cow;
use std::collections::BTreeMap;

use diskdag_qcow2::{Foreign, Rule};

use super::sheet::STATES;
use super::*;
use crate::facts::{
    Certainty, DependencyKnowledge, EdgeFacts, EdgeKind, Facts, Finding, Format, Key,
};

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap_or(0)].clone()
    }

    /// Now and then more than a sheet takes in.
    fn bytes(&mut self) -> Vec<u8> {
        let len = match self.below(40) {
            0 => 5_000,
            1 => 0,
            _ => self.below(60),
        };
        (0..len).map(|_| u8::try_from(self.below(256)).unwrap_or(0)).collect()
    }

    fn size(&mut self) -> Option<u64> {
        let bits = self.one(&[0, 7, 14, 36, 63]);
        (self.below(3) > 0).then(|| (1 << bits) - self.below(2))
    }

    fn edge(&mut self) -> EdgeFacts {
        let other = Cow::Owned(self.bytes());
        EdgeFacts {
            kind: self.one(&[EdgeKind::Backing, EdgeKind::DataFile]),
            target: Key::name(self.bytes()),
            name: self.bytes().into(),
            format: self.one(&[
                None,
                Some(Cow::Borrowed(&b"qcow2"[..])),
                Some(Cow::Borrowed(&b"raw"[..])),
                Some(other),
            ]),
            rule: self.one(&[
                Rule::Relative,
                Rule::Absolute,
                Rule::Json,
                Rule::DataFile,
                Rule::Bad,
            ]),
            certainty: self.one(&[Certainty::Certain, Certainty::Possible]),
            ends_chain: self.below(2) == 0,
        }
    }

    fn facts(&mut self) -> Facts {
        let paths = (0..self.one(&[0, 1, 1, 1, 3])).map(|_| as_path(&self.bytes()).into());
        let paths = paths.collect();
        let file = Key::File { device: self.one(&[0, 1, 1 << 33]), inode: self.below(9) };
        let named = Key::name(self.bytes());
        let odd = self.below(8) == 0;
        let finding =
            Finding { kind: Cow::Borrowed("odd"), detail: "very".to_owned(), breaks: true };
        Facts {
            key: self.one(&[file, named]),
            paths,
            format: self.one(&[
                Format::Qcow2,
                Format::Raw,
                Format::Other,
                Format::Unknown,
                Format::Foreign(Foreign::Qcow),
                Format::Foreign(Foreign::Luks),
            ]),
            state: self.one(&STATES),
            reason: odd.then(|| "because".into()),
            virtual_size: self.size(),
            actual_size: self.size(),
            length: self.size(),
            unseen_links: self.one(&[0, 0, 1, u64::MAX]),
            reflinked: self.one(&[0, 0, 4096]),
            references: (0..self.one(&[0, 1, 1, 1, 2, 5])).map(|_| self.edge()).collect(),
            dependencies: self.one(&[DependencyKnowledge::Complete, DependencyKnowledge::Unknown]),
            findings: if odd { vec![finding] } else { Vec::new() },
            in_scope: self.below(2) == 0,
        }
    }
}

/// What is known, put together again.
fn facts(known: Known<'_>, told: &Facts) -> Facts {
    let targets = told.references.iter().map(|edge| edge.target.as_ref());
    let references = known.references_to(targets);
    let reference = |(name, target)| crate::Reference::new(target, name).to_facts();
    known.facts(references.map(reference).collect())
}

#[test]
fn what_is_told_is_known_until_it_is_forgotten() {
    let mut random = Random(3);
    let (mut records, mut model) = (Records::default(), BTreeMap::new());
    let mut versions = Vec::new();
    for at in 0..6_000 {
        let slot = u32::try_from(random.below(100)).unwrap_or(0);
        if random.below(3) == 0 {
            model.remove(&slot);
            records.clear(slot);
        } else {
            let facts = random.facts();
            records.put(slot, &facts, at);
            model.insert(slot, (facts, at));
        }
        if at % 500 == 0 {
            versions.push((records.clone(), model.clone()));
        }
    }
    versions.push((records, model));
    for (records, model) in &versions {
        for slot in 0..130 {
            let known = records.get(slot);
            assert_eq!(known.is_some(), model.contains_key(&slot), "{slot}");
            let Some((known, (told, at))) = known.zip(model.get(&slot)) else { continue };
            assert_eq!((&facts(known, told), known.told()), (told, *at));
            assert!(known.is_as_in(told));
            let mut other = told.clone();
            match random.below(4) {
                0 => other.in_scope = !other.in_scope,
                1 => other.paths.push(as_path(b"more").into()),
                2 => other.references.push(EdgeFacts::backing(Key::name("more"))),
                _ => {
                    other.actual_size =
                        other.actual_size.map_or(Some(1), |size| size.checked_sub(1))
                }
            }
            assert!(other == *told || !known.is_as_in(&other));
            for (position, edge) in told.references.iter().enumerate() {
                assert_eq!(known.reference(position).map(|name| name.name), Some(&*edge.name));
            }
        }
    }
}

/// What is written over and over does not fill the sheet with what was there before.
#[test]
fn what_was_told_before_is_given_up() {
    let mut random = Random(5);
    let mut records = Records::default();
    for at in 0..10_000 {
        let name = "x".repeat(usize::try_from(random.below(200)).unwrap_or(0));
        records.put(u32::try_from(random.below(32)).unwrap_or(0), &Facts::new(Key::name(name)), at);
    }
    assert!(records.sheets.get(0).bytes() < 4 * 32 * 210, "{}", records.sheets.get(0).bytes());
    for slot in 0..32 {
        records.clear(slot);
    }
    assert!(records.sheets.get(0).bytes() <= 512);
}

/// A plain disk is recorded as its facts would be, byte by byte; one whose text is too long is left to them.
#[test]
fn a_plain_disk_is_recorded_as_its_facts_are() {
    let mut random = Random(7);
    let (mut plain, mut full) = (Pile::default(), Pile::default());
    let mut too_long = 0;
    for at in 0..6_000 {
        let mut edge = random.edge();
        edge.target = Key::name("target");
        let told = Facts {
            key: Key::File { device: random.one(&[0, 1, 1 << 33]), inode: random.below(9) },
            format: Format::Qcow2,
            state: crate::facts::State::Ok,
            reason: None,
            virtual_size: Some(random.size().unwrap_or(1)),
            actual_size: Some(random.size().unwrap_or(0)),
            length: Some(random.size().unwrap_or(512)),
            reflinked: 0,
            references: if random.below(4) > 0 { vec![edge] } else { Vec::new() },
            dependencies: DependencyKnowledge::Complete,
            findings: Vec::new(),
            ..random.facts()
        };
        let Key::File { device, inode } = told.key else { unreachable!() };
        let (directory, name) = (random.one(&[&b"/"[..], b"/a", b"/a/b c"]), random.bytes());
        let slash: &[u8] = if directory == b"/" { b"" } else { b"/" };
        let path = [directory, slash, &name].concat();
        let told = Facts { paths: vec![as_path(&path).into()], ..told };
        let disk = Plain {
            device,
            inode,
            in_scope: told.in_scope,
            virtual_size: told.virtual_size.unwrap_or(0),
            actual_size: told.actual_size.unwrap_or(0),
            length: told.length.unwrap_or(0),
            unseen_links: told.unseen_links,
            directory,
            name: &name,
            reference: told.references.first().map(NameOf::of),
        };
        let position = plain.len();
        if !plain.push_plain(&disk, at) {
            assert_eq!(plain.len(), position);
            too_long += 1;
            continue;
        }
        full.push(&told, at);
        let (one, other) = (plain.known(position), full.known(position));
        assert_eq!(format!("{one:?}"), format!("{other:?}"));
        assert_eq!(one.map(|known| facts(known, &told)), Some(told));
    }
    assert!(too_long > 100 && plain.len() > 4_000, "{too_long}");
}
