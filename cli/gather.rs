//! One command line out of its levels: common options count wherever they stand.

use crate::args::{
    Cli, Common, GraphFormat, QemuOutput, Roots, RootsAction, Snap, SnapAction, Trash, TrashAction,
    Verb,
};

impl Common {
    /// Adds what was given at an outer level of the command line.
    fn add(&mut self, outer: Self) {
        let inner = std::mem::take(self);
        *self = Self {
            roots: outer.roots.into_iter().chain(inner.roots).collect(),
            owners: outer.owners.into_iter().chain(inner.owners).collect(),
            index: inner.index.or(outer.index),
            patience: inner.patience.or(outer.patience),
            json: outer.json || inner.json,
            threads: inner.threads.or(outer.threads),
            color: inner.color.or(outer.color),
            no_progress: outer.no_progress || inner.no_progress,
        };
    }
}

impl Verb {
    fn common(&mut self) -> &mut Common {
        match self {
            Self::Scan(args) => &mut args.of.common,
            Self::Watch(args) => &mut args.common,
            Self::Tree(args) => &mut args.of.common,
            Self::Chain(args) => &mut args.common,
            Self::Dependents(args) => &mut args.of.common,
            Self::Why(args) => &mut args.common,
            Self::CanRm(args) => &mut args.common,
            Self::Graph(args) => &mut args.of.common,
            Self::Du(args) => &mut args.of.common,
            Self::Orphans(args) => &mut args.of.common,
            Self::WhatIf(args) => &mut args.common,
            Self::Roots(Roots { action, .. }) => match action {
                RootsAction::Add(args) | RootsAction::Rm(args) => &mut args.common,
                RootsAction::List { common } => common,
            },
            Self::Waive(args) => &mut args.common,
            Self::Check(args) => &mut args.common,
            Self::Info(args) => &mut args.common,
            Self::Map(args) => &mut args.common,
            Self::Measure(args) => &mut args.common,
            Self::Compare(args) => &mut args.common,
            Self::Audit(args) => &mut args.common,
            Self::Demo(args) => &mut args.common,
            Self::Init(args) => &mut args.common,
            Self::Snap(Snap { action, .. }) => match action {
                SnapAction::Create(args) => &mut args.common,
                SnapAction::List(args) => &mut args.common,
                SnapAction::Restore(args) => &mut args.common,
                SnapAction::Rm(args) => &mut args.common,
                SnapAction::Clone(args) => &mut args.common,
                SnapAction::Adopt(args) => &mut args.common,
            },
            Self::Recover(args) => &mut args.common,
            Self::Gc(args) => &mut args.common,
            Self::Trash(Trash { action, .. }) => match action {
                TrashAction::List { common, .. }
                | TrashAction::Restore { common, .. }
                | TrashAction::Purge { common, .. } => common,
            },
            Self::Pin(args) => &mut args.common,
            Self::Unpin(args) => &mut args.common,
        }
    }
}

impl Cli {
    /// The verb, and the common options from every level of the command line together.
    pub(crate) fn gather(mut self) -> (Verb, Common) {
        let middle = match &mut self.verb {
            Verb::Roots(roots) => std::mem::take(&mut roots.common),
            Verb::Snap(snap) => std::mem::take(&mut snap.common),
            Verb::Trash(trash) => std::mem::take(&mut trash.common),
            _ => Common::default(),
        };
        let common = self.verb.common();
        common.add(middle);
        common.add(self.common);
        let json = match &self.verb {
            Verb::Info(args) => args.of.output == Some(QemuOutput::Json),
            Verb::Map(args) => args.of.output == Some(QemuOutput::Json),
            Verb::Measure(args) => args.of.output == Some(QemuOutput::Json),
            Verb::Check(args) => args.of.output == Some(QemuOutput::Json),
            Verb::Graph(args) => args.format == GraphFormat::Json,
            _ => false,
        };
        let mut common = std::mem::take(self.verb.common());
        common.json |= json;
        (self.verb, common)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use clap::{CommandFactory, Parser};

    use crate::args::{Cli, Verb};

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn roots_before_and_after_the_verb_both_count() {
        let line = ["diskdag", "--root", "a", "scan", "--root", "b", "--json"];
        let (_, common) = Cli::try_parse_from(line).unwrap().gather();
        assert_eq!(common.roots, [PathBuf::from("a"), PathBuf::from("b")]);
        assert!(common.json);
        let line = ["diskdag", "roots", "--json", "list"];
        assert!(Cli::try_parse_from(line).unwrap().gather().1.json);
    }

    #[test]
    fn aliases_work() {
        for (alias, verb) in [("deps", "chain"), ("rdeps", "dependents")] {
            let (parsed, _) = Cli::try_parse_from(["diskdag", alias, "x"]).unwrap().gather();
            let name = match parsed {
                Verb::Chain(_) => "chain",
                Verb::Dependents(_) => "dependents",
                _ => "",
            };
            assert_eq!(name, verb);
        }
    }

    #[test]
    fn json_may_be_spelled_as_qemu_img_does() {
        let line = ["diskdag", "info", "--output=json", "x"];
        assert!(Cli::try_parse_from(line).unwrap().gather().1.json);
        let line = ["diskdag", "graph", "--format", "json"];
        assert!(Cli::try_parse_from(line).unwrap().gather().1.json);
    }

    #[test]
    fn nonsense_is_refused() {
        for line in [
            &["diskdag"][..],
            &["diskdag", "frobnicate"],
            &["diskdag", "can-rm"],
            &["diskdag", "scan", "--threads", "0"],
            &["diskdag", "waive", "x"],
            &["diskdag", "waive", "x", "--reason", ""],
            &["diskdag", "dependents", "-0", "--count", "x"],
        ] {
            assert!(Cli::try_parse_from(line).is_err(), "{line:?}");
        }
    }
}
