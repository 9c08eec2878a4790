use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use diskdag_graph::scan::ImageError;
use diskdag_qcow2::create::{Backing, Create as NewImage};

use super::*;
use crate::Host;
use crate::fs::{Fs, write_all};
use crate::host::{LocksOnly, RandomIds, SystemClock};
use crate::pool::Config;
use crate::sim::SimFs;
use crate::survey::{FsSurvey, Question, Survey, Surveyed};

/// Notes what it is asked to follow, and finds nothing at one path.
struct Blind {
    survey: FsSurvey,
    at: Option<PathBuf>,
    asked: Mutex<Vec<PathBuf>>,
}

impl Survey for Blind {
    fn survey(
        &self,
        question: &Question<'_>,
        control: &diskdag_graph::scan::Control,
    ) -> Result<Surveyed, ErrorKind> {
        self.survey.survey(question, control)
    }

    fn follow(
        &self,
        images: &[PathBuf],
        control: &diskdag_graph::scan::Control,
    ) -> Result<Surveyed, ErrorKind> {
        self.asked.lock().unwrap().extend_from_slice(images);
        let mut surveyed = self.survey.follow(images, control)?;
        for (image, found) in images.iter().zip(&mut surveyed.images) {
            if Some(image) == self.at.as_ref() {
                *found = Err(ImageError::NotFound);
            }
        }
        Ok(surveyed)
    }
}

/// A pool with a base and a chain of overlays upon it, `1.qcow2` to `5.qcow2`.
fn pool(at: Option<&str>) -> (Pool, Arc<Blind>) {
    let fs = SimFs::default();
    fs.create_dir(Path::new("/p")).unwrap();
    for number in 0..6 {
        let backing = format!("{}.qcow2", number - 1);
        let backing = Backing { name: backing.as_bytes(), format: Some(b"qcow2") };
        let backing = (number > 0).then_some(backing);
        let layout = NewImage { virtual_size: 1 << 20, backing, ..NewImage::default() };
        let layout = layout.build().unwrap();
        let file = fs.create(&disk(number), 0o644).unwrap();
        file.set_len(layout.len).unwrap();
        for (offset, bytes) in &layout.pieces {
            write_all(&*file, *offset, bytes).unwrap();
        }
    }
    let fs: Arc<dyn Fs> = Arc::new(fs);
    let survey = Arc::new(Blind {
        survey: FsSurvey::new(Arc::clone(&fs)),
        at: at.map(PathBuf::from),
        asked: Mutex::default(),
    });
    let host = Host {
        survey: Arc::<Blind>::clone(&survey),
        fs,
        usage: Arc::new(LocksOnly),
        clock: Arc::new(SystemClock),
        ids: Arc::new(RandomIds),
    };
    (Pool::init(&host, Path::new("/p"), &Config::default()).unwrap(), survey)
}

fn disk(number: i32) -> PathBuf {
    format!("/p/{number}.qcow2").into()
}

fn create(disks: &[i32], max_depth: u32) -> Create {
    let disks = disks.iter().copied().map(disk).collect();
    Create { max_depth, ..Create::new(SnapshotName::new("s").unwrap(), disks) }
}

/// What was found below the second disk of the first was taken for what lies below the disk of the second.
#[test]
fn a_create_that_fails_does_not_shift_what_is_below_the_next() {
    let (pool, _) = pool(Some("/p/2.qcow2"));
    let creates = [create(&[2, 5], 200), create(&[1], 3), create(&[4], 3)];
    let results = create_all(&pool, &creates, &Control::default());
    let [Err(first), Ok(_), Err(third)] = &results[..] else { panic!("{results:?}") };
    assert!(matches!(first.kind, ErrorKind::Survey(_)), "{first:?}");
    assert!(matches!(third.kind, ErrorKind::Refused(_)), "{third:?}");
}

#[test]
fn a_disk_that_names_no_other_file_is_not_looked_at_twice_and_has_a_depth_all_the_same() {
    let (pool, survey) = pool(None);
    let creates = [create(&[0], 1), create(&[1], 3)];
    let results = create_all(&pool, &creates, &Control::default());
    let [Err(first), Ok(_)] = &results[..] else { panic!("{results:?}") };
    let ErrorKind::Refused(refusal) = &first.kind else { panic!("{first:?}") };
    assert_eq!(refusal.reasons[0].kind, ReasonKind::TooDeep);
    assert_eq!(*survey.asked.lock().unwrap(), [disk(1)]);
}
