//! Graphviz and Mermaid. Names are escaped twice: for people, and for the language they stand in.

use std::io::{self, Write};

use diskdag_graph::{Certainty, Disk, EdgeKind, Reference, State};

use crate::escape;
use crate::health::Health;
use crate::text::size;

/// How a node is painted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Paint {
    Plain,
    Broken,
    Unknown,
}

fn paint(disk: &Disk<'_>, health: &Health) -> Paint {
    match disk.state() {
        State::Ok if health.is_broken(disk) => Paint::Broken,
        State::Ok | State::Remote => Paint::Plain,
        State::Missing | State::Refused | State::NotAFile => Paint::Broken,
        _ => Paint::Unknown,
    }
}

/// The second line of a node.
fn detail(disk: &Disk<'_>, health: &Health) -> String {
    match (disk.state(), disk.virtual_size()) {
        (State::Ok, Some(bytes)) => {
            let broken = if health.is_broken(disk) { health.word(disk) } else { "" };
            format!("{} {} {broken}", disk.format().name(), size(bytes)).trim_end().to_owned()
        }
        _ => health.word(disk).to_owned(),
    }
}

/// Graphviz.
pub(crate) fn dot(disks: &[Disk<'_>], health: &Health, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "digraph diskdag {{")?;
    writeln!(out, "  rankdir=BT;")?;
    writeln!(out, "  node [shape=box, fontname=\"monospace\", fontsize=10];")?;
    writeln!(out, "  edge [fontname=\"monospace\", fontsize=9];")?;
    for disk in disks {
        let name = dot_string(&escape::path(disk.path()));
        let detail = dot_string(&detail(disk, health));
        let look = match paint(disk, health) {
            Paint::Plain => "",
            Paint::Broken => ", style=dashed, color=red, fontcolor=red",
            Paint::Unknown => ", style=dashed, color=orange, fontcolor=orange",
        };
        writeln!(out, "  d{} [label=\"{name}\\n{detail}\"{look}];", disk.id().number())?;
    }
    for edge in disks.iter().flat_map(Disk::needs) {
        let look = match label(edge.facts) {
            "" => String::new(),
            label => {
                let style =
                    if edge.facts.certainty == Certainty::Possible { "dotted" } else { "dashed" };
                format!(" [style={style}, label=\"{label}\"]")
            }
        };
        writeln!(out, "  d{} -> d{}{look};", edge.from.number(), edge.to.number())?;
    }
    writeln!(out, "}}")
}

/// Mermaid.
pub(crate) fn mermaid(disks: &[Disk<'_>], health: &Health, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "flowchart BT")?;
    for disk in disks {
        let name = mermaid_string(&escape::path(disk.path()));
        let detail = mermaid_string(&detail(disk, health));
        let class = match paint(disk, health) {
            Paint::Plain => "",
            Paint::Broken => ":::broken",
            Paint::Unknown => ":::unknown",
        };
        writeln!(out, "  d{}[\"{name}<br/>{detail}\"]{class}", disk.id().number())?;
    }
    for edge in disks.iter().flat_map(Disk::needs) {
        let arrow = match label(edge.facts) {
            "" => "-->".to_owned(),
            label if edge.facts.certainty == Certainty::Possible => format!("-.->|{label}|"),
            label => format!("==>|{label}|"),
        };
        writeln!(out, "  d{} {arrow} d{}", edge.from.number(), edge.to.number())?;
    }
    writeln!(out, "  classDef broken stroke:#c00,color:#c00,stroke-dasharray:4")?;
    writeln!(out, "  classDef unknown stroke:#c80,color:#c80,stroke-dasharray:4")
}

/// What is written on an edge that is more than a plain backing reference.
fn label(facts: Reference<'_>) -> &'static str {
    match (facts.kind, facts.certainty) {
        (EdgeKind::Backing, Certainty::Certain) => "",
        (EdgeKind::Backing, Certainty::Possible) => "possibly",
        (EdgeKind::DataFile, Certainty::Certain) => "data file",
        (EdgeKind::DataFile, Certainty::Possible) => "possibly data file",
    }
}

/// Text inside the quotes of a Graphviz label.
fn dot_string(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// Text inside the quotes of a Mermaid label, where a backslash and HTML have a meaning.
fn mermaid_string(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' => escaped.push_str("#quot;"),
            '#' => escaped.push_str("#35;"),
            '&' => escaped.push_str("#amp;"),
            '<' => escaped.push_str("#lt;"),
            '>' => escaped.push_str("#gt;"),
            '`' => escaped.push_str("#96;"),
            '\\' => escaped.push_str("#92;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{dot_string, mermaid_string};

    #[test]
    fn a_name_cannot_leave_its_quotes() {
        assert_eq!(dot_string(r#"a"b\x0a"#), r#"a\"b\\x0a"#);
        assert_eq!(mermaid_string(r#"a"b\n<br>#`"#), "a#quot;b#92;n#lt;br#gt;#35;#96;");
    }
}
