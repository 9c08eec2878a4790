//! The examples that a reader copies from do what they say.

#[expect(dead_code, unreachable_pub, reason = "an example is a program of its own")]
#[path = "../../examples/own_store.rs"]
mod own_store;

#[test]
fn own_store_asks_before_it_deletes() {
    assert_eq!(
        own_store::run().unwrap(),
        [
            "alice reads through alice -> python -> debian",
            "alice depends on debian",
            "debian <- python (1)",
            "debian <- alice (2)",
            "debian <- bob (2)",
            "python: kept, needed by alice, bob",
            "bob reads through bob -> debian",
            "python: deleted, 300 bytes freed",
            "debian: kept, needed by bob",
            "bob and debian together: yes, 2060 bytes",
            "3 disks before, 1 now",
        ]
    );
}

#[expect(unreachable_pub, reason = "an example is a program of its own")]
#[path = "../../examples/who_depends.rs"]
mod who_depends;

#[test]
fn who_depends_answers_from_one_scan() {
    let fleet = crate::scans::Fleet::new();
    fleet.image("golden", None);
    fleet.image("web", Some("golden"));
    fleet.image("web-update", Some("web"));
    let at = |name: &str| fleet.path(name).display().to_string();
    let questions = format!("{}\n{}\n/nowhere\n", at("golden"), at("web-update"));
    let mut answers = Vec::new();
    let roots = vec![fleet.path("")];
    who_depends::run(roots, questions.as_bytes(), &mut answers).unwrap();
    let (golden, web, update) = (at("golden"), at("web"), at("web-update"));
    let expected = format!(
        "{golden}: 2 depend on it\n  {web} (1 up)\n  {update} (2 up)\n\
         {update}: 0 depend on it\n/nowhere: not in the graph\n"
    );
    assert_eq!(String::from_utf8(answers).unwrap(), expected);
}

#[expect(unreachable_pub, reason = "an example is a program of its own")]
#[path = "../../examples/live_graph.rs"]
mod live_graph;

/// Questions that are made up only when they are read: what happens before is seen by then.
struct Questions<'f> {
    fleet: &'f crate::scans::Fleet,
    asked: usize,
    line: Vec<u8>,
}

impl Questions<'_> {
    fn next(&mut self) -> Option<String> {
        let at = |name: &str| self.fleet.path(name).display().to_string();
        self.asked += 1;
        match self.asked {
            1 => {}
            2 => self.fleet.image("web", Some("golden")),
            3 => std::fs::remove_file(self.fleet.path("golden")).unwrap(),
            _ => return None,
        }
        Some(format!("{} {}\n", at("web"), at("golden")))
    }
}

impl std::io::Read for Questions<'_> {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

impl std::io::BufRead for Questions<'_> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        if self.line.is_empty() {
            self.line = self.next().unwrap_or_default().into_bytes();
        }
        Ok(&self.line)
    }

    fn consume(&mut self, count: usize) {
        self.line.drain(..count);
    }
}

#[test]
fn live_graph_answers_from_what_is_there_at_the_moment() {
    let fleet = crate::scans::Fleet::new();
    fleet.image("golden", None);
    let mut answers = Vec::new();
    let questions = Questions { fleet: &fleet, asked: 0, line: Vec::new() };
    live_graph::run(vec![fleet.path("")], questions, &mut answers).unwrap();
    let at = |name: &str| fleet.path(name).display().to_string();
    let (web, golden) = (at("web"), at("golden"));
    let expected = format!(
        "not in the graph: {web}\n{web}: appeared\nyes\n\
         {golden}: gone\n{web}: changed\n{golden}: missing\nyes\n"
    );
    assert_eq!(String::from_utf8(answers).unwrap(), expected);
}

#[test]
fn live_graph_takes_paths_with_spaces_and_says_why_it_does_not_know() {
    let fleet = crate::scans::Fleet::new();
    fleet.image("the base", None);
    fleet.image("an overlay", Some("file:the base"));
    let at = |name: &str| fleet.path(name).display().to_string();
    let questions = format!("{}\t{}\n\n{}\n", at("an overlay"), at("the base"), "nonsense");
    let mut answers = Vec::new();
    live_graph::run(vec![fleet.path("")], questions.as_bytes(), &mut answers).unwrap();
    let answers = String::from_utf8(answers).unwrap();
    let lines: Vec<&str> = answers.lines().collect();
    assert_eq!(lines.len(), 2, "{answers}");
    assert!(
        lines[0].starts_with("unknown: ") && lines[0].contains("working directory"),
        "{answers}"
    );
    assert!(lines[1].starts_with("not a question"), "{answers}");
}
