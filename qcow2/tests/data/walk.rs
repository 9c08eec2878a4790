//! Extents, maps and measures of images whose tables are chance, beside an oracle that goes sector by sector and
//! knows nothing of runs, windows and words.

use diskdag_qcow2::chain::Extent;
use diskdag_qcow2::measure::{Target, measure};
use diskdag_qcow2::table::RunKind;
use diskdag_qcow2::{Chain, GuestOffset, Layer};

use crate::support::{Chance, setting};
use crate::tables::{Random, SECTOR, Told};

/// What has to be the same to be one extent: the depth; present, zero, data, compressed, beyond the end.
type What = (usize, [bool; 5]);

/// `start`, `length`, what, and the offset.
type Naive = (u64, u64, What, Option<u64>);

/// What a sector is through all layers.
fn sector(layers: &[Random], guest: u64) -> Result<(What, Option<u64>), ()> {
    for (depth, layer) in layers.iter().enumerate() {
        let (flags, offset) = match layer.entry_of(guest)? {
            Told::Unallocated(place) => match layers.get(depth + 1) {
                Some(below) if guest < below.size => continue,
                _ => ([false, true, false, false, false], place),
            },
            Told::Zero(place) => ([true, true, false, false, false], place),
            Told::Compressed(_) => ([true, false, true, true, false], None),
            Told::Data(place) if place >= layer.file.bytes.len() as u64 => {
                // All of the file's last cluster is there, though the file may end inside.
                let end = (layer.file.bytes.len() as u64).next_multiple_of(1 << layer.bits);
                match place < end {
                    true => ([true, layer.preallocated, true, false, false], Some(place)),
                    false => ([false, true, false, false, true], None),
                }
            }
            Told::Data(place) => {
                let hole = layer.preallocated && layer.file.is_hole(place);
                ([true, hole, true, false, false], Some(place))
            }
        };
        return Ok(((depth, flags), offset));
    }
    Ok(((0, [false, true, false, false, false]), None))
}

/// The extents, and whether they end with an error.
fn naive(layers: &[Random]) -> (Vec<Naive>, bool) {
    let mut extents: Vec<Naive> = Vec::new();
    for start in (0..layers[0].size).step_by(SECTOR as usize) {
        let Ok((what, offset)) = sector(layers, start) else { return (extents, true) };
        if let Some(last) = extents.last_mut()
            && last.2 == what
            && last.3.map(|offset| offset + last.1) == offset
        {
            last.1 += SECTOR;
        } else {
            extents.push((start, SECTOR, what, offset));
        }
    }
    (extents, false)
}

fn told(extent: &Extent) -> Naive {
    let flags = [extent.present, extent.zero, extent.data, extent.compressed, extent.beyond_end];
    let offset = extent.offset.map(|offset| offset.get());
    (extent.start.get(), extent.length, (extent.depth, flags), offset)
}

fn chain(layers: &[Random]) -> Chain {
    Chain::new(layers.iter().map(|layer| Layer::image(layer.image().active().unwrap())).collect())
}

#[test]
fn extents_are_what_a_walk_over_all_sectors_finds() {
    let (mut extents, mut errors) = (0, 0);
    for seed in 0..setting("DISKDAG_WALKS", 250) {
        let mut chance = Chance(seed);
        let sound = seed % 2 == 0;
        let layers: Vec<_> =
            (0..1 + chance.below(4)).map(|_| Random::new(&mut chance, sound)).collect();
        let (expected, fails) = naive(&layers);
        let mut found = Vec::new();
        let mut failed = false;
        for extent in chain(&layers).extents() {
            match extent {
                Ok(extent) => found.push(told(&extent)),
                Err(_) => failed = true,
            }
        }
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected, "seed {seed}");
        }
        assert_eq!((found.len(), failed), (expected.len(), fails), "seed {seed}");
        extents += found.len();
        errors += usize::from(failed);
    }
    let told = format!("{extents} extents, {errors} errors");
    assert!(extents > 10_000 && errors > 10, "{told}: the oracle was idle");
}

#[test]
fn a_part_of_the_disk_has_the_extents_of_the_whole_cut_to_it() {
    for seed in 0..setting("DISKDAG_WALKS", 60) {
        let mut chance = Chance(1_000_000 + seed);
        let layers: Vec<_> =
            (0..1 + chance.below(3)).map(|_| Random::new(&mut chance, true)).collect();
        let chain = chain(&layers);
        let whole: Vec<_> = chain.extents().map(Result::unwrap).collect();
        for _ in 0..8 {
            let from = chance.below(chain.size() / SECTOR) * SECTOR;
            let length = (1 + chance.below(chain.size() / SECTOR)) * SECTOR;
            let to = (from + length).min(chain.size());
            let expected = whole.iter().filter_map(|extent| {
                let (start, length, what, offset) = told(extent);
                let (first, last) = (start.max(from), (start + length).min(to));
                (first < last)
                    .then(|| (first, last - first, what, offset.map(|at| at + first - start)))
            });
            let found = chain.extents_of(GuestOffset(from), length).map(Result::unwrap);
            let found: Vec<_> = found.map(|extent| told(&extent)).collect();
            assert_eq!(found, expected.collect::<Vec<_>>(), "seed {seed}: {from} to {to}");
        }
    }
}

#[test]
fn a_measure_counts_the_clusters_that_a_walk_over_all_sectors_finds() {
    let mut counted = 0;
    for seed in 0..setting("DISKDAG_WALKS", 150) {
        let mut chance = Chance(2_000_000 + seed);
        let layers: Vec<_> =
            (0..1 + chance.below(4)).map(|_| Random::new(&mut chance, true)).collect();
        let chain = chain(&layers);
        for cluster in [512, 4096, 65536, 1 << 21] {
            let target = Target::from_words("qcow2", &[format!("cluster_size={cluster}")]).unwrap();
            let found = measure(&chain, &target).unwrap();
            let whole = chain.size().next_multiple_of(cluster);
            let data = (0..chain.size()).step_by(cluster as usize).filter(|start| {
                let end = (start + cluster).min(chain.size());
                (*start..end).step_by(SECTOR as usize).any(|at| {
                    let ((_, [_, zero, data, ..]), _) = sector(&layers, at).unwrap();
                    data && !zero
                })
            });
            let data = data.count() as u64;
            let empty = found.fully_allocated - whole;
            assert_eq!(
                found.required,
                empty + data * cluster,
                "seed {seed}, clusters of {cluster}"
            );
            counted += data;
        }
    }
    assert!(counted > 10_000, "{counted}");
}

/// One image says where everything is, wherever that lies: compressed clusters each for itself.
#[test]
fn a_map_of_one_image_is_what_its_entries_say() {
    for seed in 0..setting("DISKDAG_WALKS", 150) {
        let mut chance = Chance(3_000_000 + seed);
        let image = Random::new(&mut chance, seed % 2 == 0);
        let mut expected: Vec<(u64, u64, Told)> = Vec::new();
        let mut fails = false;
        for start in (0..image.size).step_by(SECTOR as usize) {
            let Ok(told) = image.entry_of(start) else {
                fails = true;
                break;
            };
            let new_cluster = start % (1 << image.bits) == 0;
            let goes_on = expected.last().is_some_and(|(_, length, last)| match (*last, told) {
                (Told::Compressed(_), Told::Compressed(_)) => !new_cluster,
                (Told::Data(a), Told::Data(b)) => a + length == b,
                (Told::Zero(a), Told::Zero(b)) | (Told::Unallocated(a), Told::Unallocated(b)) => {
                    a.map(|a| a + length) == b
                }
                _ => false,
            });
            match expected.last_mut() {
                Some(last) if goes_on => last.1 += SECTOR,
                _ => expected.push((start, SECTOR, told)),
            }
        }
        let opened = image.image();
        let view = opened.active().unwrap();
        let (mut found, mut failed) = (Vec::new(), false);
        for extent in view.map(GuestOffset(0)..GuestOffset(u64::MAX)) {
            let Ok(extent) = extent else {
                failed = true;
                continue;
            };
            let told = match extent.kind {
                RunKind::Unallocated { reserved } => Told::Unallocated(reserved.map(|at| at.get())),
                RunKind::Zero { reserved } => Told::Zero(reserved.map(|at| at.get())),
                RunKind::Data { offset } => Told::Data(offset.get()),
                RunKind::Compressed { offset, .. } => Told::Compressed(offset.get()),
            };
            found.push((extent.guest.get(), extent.len, told));
        }
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected, "seed {seed}");
        }
        assert_eq!((found.len(), failed), (expected.len(), fails), "seed {seed}");
    }
}
