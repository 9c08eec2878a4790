//! Images of every kind, made by `qemu-img` and written to by `qemu-io`, the same for the same seed.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use super::{Qemu, Random, finish};

/// What an image is like.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) name: String,
    pub(crate) cluster: usize,
    pub(crate) size: usize,
    pub(crate) data_file: bool,
    pub(crate) refcount_bits: u32,
}

impl Made {
    /// Makes an image by chance: version, cluster size, compression, subclusters, data file,
    /// preallocation, refcount width and content; over `backing` (a name and its format), if there
    /// is one.
    pub(crate) fn by_chance(
        qemu: Qemu,
        folder: &Path,
        name: &str,
        backing: Option<(&str, &str)>,
        random: &mut Random,
    ) -> Made {
        let version = if random.percent(20) { 2 } else { 3 };
        let v3 = version == 3;
        let extended = v3 && random.percent(35);
        let cluster = *random.pick(match extended {
            true => &[16 << 10, 64 << 10, 1 << 20],
            false => &[512, 4096, 32 << 10, 64 << 10, 64 << 10, 2 << 20],
        });
        let data_file = v3 && random.percent(20);
        let size = (random.below((cluster * 200).clamp(1 << 20, 24 << 20)) + 512) & !511;
        let refcount_bits = if v3 { *random.pick(&[1, 2, 4, 8, 16, 16, 32, 64]) } else { 16 };
        let mut options = format!(
            "compat={},cluster_size={cluster},refcount_bits={refcount_bits}",
            if v3 { "1.1" } else { "0.10" }
        );
        let ahead = *random.pick(&["off", "off", "metadata", "falloc"]);
        if backing.is_none() && ahead != "off" {
            write!(options, ",preallocation={ahead}").unwrap();
        }
        if extended {
            options += ",extended_l2=on";
        }
        if v3 && !data_file && random.percent(50) {
            options += ",compression_type=zstd";
        }
        if v3 && random.percent(25) {
            options += ",lazy_refcounts=on";
        }
        if data_file {
            write!(options, ",data_file={name}.data").unwrap();
            if backing.is_none() && random.percent(50) {
                options += ",data_file_raw=on";
            }
        }
        let size_word = size.to_string();
        let mut arguments = vec!["-o", &options];
        if let Some((file, format)) = backing {
            arguments.extend(["-b", file, "-F", format]);
        }
        arguments.extend([name, &size_word]);
        qemu.create(folder, "qcow2", &arguments);
        let made = Made { name: name.to_owned(), cluster, size, data_file, refcount_bits };
        made.scribble(folder, random);
        made
    }

    /// Writes data, zeros and compressed clusters, and discards, here and there.
    pub(crate) fn scribble(&self, folder: &Path, random: &mut Random) {
        let mut commands = Vec::new();
        for _ in 0..random.below(16) {
            let units = [512, 4096, self.cluster / 32, self.cluster, self.cluster * 3];
            let unit = (*random.pick(&units)).max(512);
            let at = random.below(self.size / 512 + 1) * 512;
            let at = if random.percent(50) { at - at % unit } else { at };
            let length = ((random.below(4) + 1) * unit).min(self.size - at).min(2 << 20);
            let whole = at - at % self.cluster;
            let compress = !self.data_file && whole + self.cluster <= self.size;
            if length < 512 {
                continue;
            }
            let pattern = random.below(255) + 1;
            commands.push(match random.below(7) {
                0 => format!("write -z {at} {length}"),
                1 => format!("write -z -u {at} {length}"),
                2 => format!("discard {at} {length}"),
                3 if compress => format!("write -c -P {pattern} {whole} {}", self.cluster),
                _ => format!("write -P {pattern} {at} {length}"),
            });
        }
        io(folder, &self.name, &commands);
    }
}

/// Runs commands of `qemu-io`. It may refuse one (to compress over data, say); the others count.
pub(crate) fn io(folder: &Path, image: &str, commands: &[impl AsRef<OsStr>]) {
    if commands.is_empty() {
        return;
    }
    let mut command = Command::new("qemu-io");
    command.args(["-f", "qcow2", "-d", "unmap"]).current_dir(folder);
    for one in commands {
        command.arg("-c").arg(one);
    }
    let ended = finish(command.arg(image));
    assert!(ended.code.is_some(), "{command:?}");
}

/// Makes a chain by chance, of raw bases and of images, and returns its top.
pub(crate) fn chain(qemu: Qemu, folder: &Path, prefix: &str, random: &mut Random) -> Made {
    let mut below: Option<(String, &str)> = None;
    if random.percent(35) {
        let name = format!("{prefix}-base.raw");
        let length = random.below(4 << 20) + 1;
        let bytes: Vec<u8> =
            (0..length / 3).map(|at| u8::try_from(at / 700 % 251).unwrap()).collect();
        std::fs::write(folder.join(&name), bytes).unwrap();
        let file = std::fs::OpenOptions::new().write(true).open(folder.join(&name)).unwrap();
        file.set_len(length as u64).unwrap();
        below = Some((name, "raw"));
    }
    let mut layer = 0;
    loop {
        let name = format!("{prefix}-{layer}.qcow2");
        let backing = below.as_ref().map(|(name, format)| (&**name, *format));
        let made = Made::by_chance(qemu, folder, &name, backing, random);
        if layer == 2 || random.percent(50) {
            return made;
        }
        below = Some((name, "qcow2"));
        layer += 1;
    }
}
