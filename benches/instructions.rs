//! One job, done once, for counting its instructions: those are the same on a busy machine.
//!
//! ```text
//! cargo bench --bench instructions -- make IMAGE SIZE ordered|shuffled [filled]
//! cargo bench --bench instructions -- chain DIR SIZE      (eight layers, each cluster in one of them; the top is DIR/7)
//! valgrind --tool=callgrind target/release/deps/instructions-… map IMAGE
//! ```
//!
//! Jobs: `map IMAGE`, `measure IMAGE`, `read IMAGE BYTES-AT-A-TIME`, `compare IMAGE IMAGE`, `open IMAGE`; and
//! `fleet DIR DISKS`, `scan DIR THREADS`, `save DIR INDEX`, `again DIR INDEX THREADS`; and
//! `change star|forest|deep DISKS PAIRS`, leaves that come and go. Each prints what it found, and of how many. Without
//! a job all of them are done on a small image and a small fleet.

mod fleet;

use diskdag_graph::scan::{Control, Record, Scan, Scope};
use diskdag_graph::{Change, Facts, Key, ScopeSource};
use diskdag_qcow2::GuestOffset;
use diskdag_qcow2::chain::{Chain, Policy};
use diskdag_qcow2::compare::compare;
use diskdag_qcow2::measure::{Target, measure};
use fleet::{Dense, Files, Order, Random, Shape};
use std::error::Error;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if !words.is_empty() {
        return job(&words);
    }
    let dir = tempfile::tempdir()?;
    let image = dir.path().join("image.qcow2");
    let image = image.to_str().ok_or("a temporary directory whose name is no text")?;
    job(&["make", image, "67108864", "shuffled", "filled"])?;
    for words in [
        &["map", image][..],
        &["measure", image],
        &["read", image, "4096"],
        &["compare", image, image],
    ] {
        job(words)?;
    }
    let (fleet, index) = (dir.path().join("fleet"), dir.path().join("index"));
    let paths = fleet.to_str().zip(index.to_str());
    let (fleet, index) = paths.ok_or("a temporary directory whose name is no text")?;
    for words in [
        &["change", "star", "1000", "100"][..],
        &["fleet", fleet, "1000"],
        &["scan", fleet, "1"],
        &["save", fleet, index],
        &["again", fleet, index, "2"],
    ] {
        job(words)?;
    }
    Ok(())
}

/// A scan of a directory.
fn scan(dir: &str, threads: &str) -> Result<Scan> {
    let scope = Scope::declared([PathBuf::from(dir)], ScopeSource::Flag);
    Ok(Scan::new(scope).threads(threads.parse()?))
}

/// Leaves that come on disks anywhere, and go.
fn change(shape: Shape, disks: usize, pairs: usize) -> Result<String> {
    let (mut graph, _) = fleet::graph(&shape.parents(disks))?;
    let key = |disk: usize| Key::File { device: 1, inode: disk as u64 };
    let mut random = Random(5);
    for _ in 0..pairs {
        let parent = if shape == Shape::Star { 0 } else { random.below(disks) };
        let leaf = Facts::new(key(disks)).at("/images/the-leaf.qcow2").backed_by(key(parent));
        graph.apply([Change::Insert(leaf)])?;
        let id = graph.find_key(&key(disks)).ok_or("the leaf is not there")?;
        graph.apply([Change::Remove(id)])?;
    }
    Ok(format!("{pairs} leaves on {} disks", graph.len()))
}

fn job(words: &[&str]) -> Result<()> {
    let open = |image: &str| Chain::open(Path::new(image), &Policy::trusting(PathBuf::new()));
    let found = match words {
        ["make", image, size, order, filled @ ..] => {
            let order = if *order == "ordered" { Order::Ordered } else { Order::Shuffled };
            let dense =
                Dense { is_filled: !filled.is_empty(), ..Dense::hollow(size.parse()?, order) };
            dense.write(Path::new(image))?;
            format!("{size} bytes of disk")
        }
        ["chain", dir, size] => {
            for layer in 0..8_u64 {
                let below = layer.checked_sub(1).map(|below| below.to_string());
                let dense = Dense {
                    backing: below.as_deref(),
                    layer: (layer, 8),
                    is_filled: true,
                    ..Dense::hollow(size.parse()?, Order::Ordered)
                };
                dense.write(&Path::new(dir).join(layer.to_string()))?;
            }
            format!("{size} bytes of disk")
        }
        ["open", image] => format!("{} layers", open(image)?.layers().len()),
        ["map", image] => {
            let chain = open(image)?;
            let count =
                chain.extents().try_fold(0_u64, |count, extent| extent.map(|_| count + 1))?;
            format!("{count} extents")
        }
        ["measure", image] => format!("{} bytes", measure(&open(image)?, &Target::QCOW2)?.required),
        ["read", image, step] => {
            let chain = open(image)?;
            let mut buffer = vec![0; step.parse()?];
            let (mut sum, mut count) = (0_u64, 0_u64);
            for at in (0..chain.size()).step_by(buffer.len()) {
                chain.read_at(GuestOffset(at), &mut buffer)?;
                sum += u64::from(buffer[0]);
                count += 1;
            }
            format!("{count} reads, {sum}")
        }
        ["compare", first, second] => {
            format!("{:?}", compare(&open(first)?, &open(second)?, false)?)
        }
        ["fleet", dir, disks] => {
            let files = Files::write(Path::new(dir), Shape::Forest, disks.parse()?)?;
            format!("{} files", files.paths.len())
        }
        ["scan", dir, threads] => {
            let scanned = scan(dir, threads)?.run(&Control::default())?;
            format!("{} disks, {} edges", scanned.graph.len(), scanned.graph.edge_count())
        }
        ["save", dir, index] => {
            let scanned = scan(dir, "1")?.run(&Control::default())?;
            scanned.record.save(Path::new(index))?;
            format!("{} entries", scanned.record.len())
        }
        ["again", dir, index, threads] => {
            let before = Record::load(Path::new(index))?;
            let scanned = scan(dir, threads)?.run_after(&before, &Control::default())?;
            format!("{} disks, {} opened", scanned.graph.len(), scanned.statistics.opened)
        }
        ["change", shape, disks, pairs] => {
            let shapes = [Shape::Star, Shape::Forest, Shape::Deep];
            let shape = shapes.into_iter().find(|one| one.name() == *shape);
            change(shape.ok_or("no such shape")?, disks.parse()?, pairs.parse()?)?
        }
        _ => return Err("no such job".into()),
    };
    Ok(writeln!(io::stdout(), "{}: {found}", words[0])?)
}
