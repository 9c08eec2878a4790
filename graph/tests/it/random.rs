//! Random programs of changes: after every batch the graph answers as the oracle does.

use diskdag_graph::EdgeKind;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::oracle::{Condition, Looks, Name, Reference, Said, declared, file};
use crate::program::{Program, Step};

/// How the programs of one test are made.
#[derive(Clone, Copy, Debug)]
struct Taste {
    disks: Name,
    references: usize,
    /// Of a hundred references: how many are possible, end the chain, are data files.
    possible: u32,
    ends: u32,
    data_files: u32,
    /// Of a hundred disks: how many are unreadable, opaque, or said to be missing.
    broken: u32,
    /// Mostly down one chain, or anywhere.
    anywhere: u32,
}

fn one_in_hundred(share: u32) -> impl Strategy<Value = bool> {
    (0..100_u32).prop_map(move |at| at < share)
}

fn references(taste: Taste, from: Name) -> impl Strategy<Value = Vec<Reference>> {
    let next = from.wrapping_sub(1) % taste.disks;
    let to = prop_oneof![
        100 - taste.anywhere => Just(next),
        taste.anywhere => 0..taste.disks,
    ];
    let kind = one_in_hundred(taste.data_files).prop_map(|data| match data {
        true => EdgeKind::DataFile,
        false => EdgeKind::Backing,
    });
    let sure = one_in_hundred(taste.possible).prop_map(|possible| !possible);
    let declared = any::<u8>().prop_map(declared);
    let reference = (to, kind, sure, one_in_hundred(taste.ends), declared).prop_map(
        |(to, kind, certain, ends, declared)| Reference { to, kind, certain, ends, declared },
    );
    vec(reference, 0..=taste.references)
}

fn said(taste: Taste) -> impl Strategy<Value = Said> {
    let condition = prop_oneof![
        100 - taste.broken => Just(Condition::Fine),
        taste.broken => prop_oneof![
            Just(Condition::Unreadable),
            Just(Condition::Opaque),
            Just(Condition::Missing),
        ],
    ];
    let path =
        (0..4_u8, 0..5_u8).prop_map(|(directory, name)| format!("/d{directory}/{}", file(name)));
    let allocated = prop_oneof![9 => 0..1_000_u64, 1 => Just(u64::MAX)];
    let looks = any::<u8>().prop_map(Looks::of);
    (0..taste.disks, vec(path, 0..3), condition, allocated, 0..4_u64, looks).prop_flat_map(
        move |(name, paths, condition, allocated, links, looks)| {
            references(taste, name).prop_map(move |references| Said {
                name,
                paths: paths.clone(),
                references,
                condition,
                allocated,
                links,
                looks,
            })
        },
    )
}

fn program(taste: Taste) -> impl Strategy<Value = Program> {
    let repoint = (0..taste.disks).prop_flat_map(move |name| {
        references(taste, name).prop_map(move |references| Step::Repoint(name, references))
    });
    let step = prop_oneof![
        5 => said(taste).prop_map(Step::Insert),
        2 => repoint,
        2 => (0..taste.disks).prop_map(Step::Remove),
    ];
    let first = vec(said(taste).prop_map(Step::Insert), 0..2 * usize::from(taste.disks));
    let later = vec(vec(step, 1..8), 0..4);
    (first, later, vec(any::<u64>(), 2)).prop_map(|(first, later, sets)| Program {
        batches: std::iter::once(first).chain(later).collect(),
        sets,
    })
}

const PLAIN: Taste = Taste {
    disks: 14,
    references: 1,
    possible: 0,
    ends: 0,
    data_files: 0,
    broken: 0,
    anywhere: 30,
};

fn check(taste: Taste, cases: u32) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let result = runner.run(&program(taste), |program| {
        program.run();
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

#[test]
fn forests() {
    check(PLAIN, 32);
}

#[test]
fn everything_at_once() {
    let taste =
        Taste { references: 4, possible: 25, ends: 15, data_files: 20, broken: 15, ..PLAIN };
    check(taste, 64);
}

#[test]
fn large_and_sparse() {
    let taste = Taste {
        disks: 40,
        references: 2,
        possible: 10,
        ends: 10,
        data_files: 15,
        broken: 4,
        ..PLAIN
    };
    check(taste, 12);
}

#[test]
fn few_disks_that_nearly_all_need_each_other() {
    let taste = Taste {
        disks: 5,
        references: 4,
        possible: 20,
        ends: 20,
        data_files: 20,
        broken: 10,
        anywhere: 100,
    };
    check(taste, 192);
}

#[test]
fn possible_edges_only() {
    check(Taste { references: 3, possible: 100, anywhere: 60, ..PLAIN }, 32);
}

#[test]
fn edges_that_end_chains() {
    check(Taste { references: 2, ends: 60, possible: 10, anywhere: 40, ..PLAIN }, 48);
}

#[test]
fn missing_files_and_namesakes() {
    check(Taste { references: 2, broken: 50, possible: 10, ends: 10, ..PLAIN }, 48);
}

/// What the fuzzer runs, without the fuzzer.
#[test]
fn programs_of_plain_bytes() {
    let config =
        ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let result = runner.run(&vec(any::<u8>(), 0..400), |bytes| {
        Program::of_bytes(&bytes).run();
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}
