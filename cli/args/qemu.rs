//! Arguments of the verbs that stand in for qemu-img's, spelled as qemu-img spells them.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Common;

/// Arguments of `info`.
#[derive(Debug, Args)]
pub(crate) struct Info {
    /// The image
    #[arg(value_name = "IMAGE")]
    pub(crate) image: PathBuf,
    /// The image and everything below it, top first; with --json a list
    #[arg(long)]
    pub(crate) backing_chain: bool,
    #[command(flatten)]
    pub(crate) of: Opening,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The image
    #[arg(value_name = "IMAGE")]
    pub(crate) image: PathBuf,
    /// Print nothing if nothing is wrong
    #[arg(short, long)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) of: Opening,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Arguments of `map`.
#[derive(Debug, Args)]
pub(crate) struct Map {
    /// The image
    #[arg(value_name = "IMAGE")]
    pub(crate) image: PathBuf,
    /// Where to begin, in bytes of the guest's disk; k, M, G, T may follow
    #[arg(short, long, value_name = "OFFSET", value_parser = size, default_value = "0")]
    pub(crate) start_offset: u64,
    /// How many bytes of it; all that are left unless said
    #[arg(short = 'l', long, value_name = "LENGTH", value_parser = size)]
    pub(crate) max_length: Option<u64>,
    #[command(flatten)]
    pub(crate) of: Opening,
    #[command(flatten)]
    pub(crate) following: Following,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Arguments of `measure`.
#[derive(Debug, Args)]
pub(crate) struct Measure {
    /// The image
    #[arg(value_name = "IMAGE", required_unless_present = "size", conflicts_with = "size")]
    pub(crate) image: Option<PathBuf>,
    /// An empty disk of this size instead of an image
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) size: Option<u64>,
    /// The format of the copy
    #[arg(short = 'O', value_name = "FORMAT", default_value = "raw")]
    pub(crate) target: String,
    /// How the copy would be made: cluster_size=64k,extended_l2=on,…
    #[arg(short = 'o', value_name = "OPTIONS")]
    pub(crate) options: Vec<String>,
    /// An internal snapshot of the image, by id or name
    #[arg(short = 'l', value_name = "SNAPSHOT")]
    pub(crate) snapshot: Option<String>,
    #[command(flatten)]
    pub(crate) of: Opening,
    #[command(flatten)]
    pub(crate) following: Following,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Arguments of `compare`.
#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// One image
    #[arg(value_name = "IMAGE1")]
    pub(crate) first: PathBuf,
    /// The other
    #[arg(value_name = "IMAGE2")]
    pub(crate) second: PathBuf,
    /// The format of the first; without it, it is looked at
    #[arg(short = 'f', value_name = "FORMAT")]
    pub(crate) first_format: Option<String>,
    /// The format of the second
    #[arg(short = 'F', value_name = "FORMAT")]
    pub(crate) second_format: Option<String>,
    /// Sizes and what is allocated have to be the same as well
    #[arg(short, long)]
    pub(crate) strict: bool,
    /// Only the exit code
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Understood as by qemu-img; no locks are taken here
    #[arg(short = 'U', long = "force-share", hide = true)]
    pub(crate) force_share: bool,
    #[command(flatten)]
    pub(crate) following: Following,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// How an image is opened, and its answer printed.
#[derive(Debug, Args)]
pub(crate) struct Opening {
    /// The image's format, qcow2 or raw; without it, it is looked at
    #[arg(short = 'f', value_name = "FORMAT")]
    pub(crate) format: Option<String>,
    /// As qemu-img spells --json
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) output: Option<QemuOutput>,
    /// Understood as by qemu-img; no locks are taken here
    #[arg(short = 'U', long = "force-share", hide = true)]
    pub(crate) force_share: bool,
}

/// What an image may lead to.
#[derive(Debug, Args)]
pub(crate) struct Following {
    /// The image is not trusted: open nothing that it names. If it names something, that is an error
    #[arg(long)]
    pub(crate) no_follow: bool,
    /// The image is not trusted: open only what lies in this directory or below; repeatable
    #[arg(long, value_name = "DIR", conflicts_with = "no_follow")]
    pub(crate) allow_dir: Vec<PathBuf>,
}

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum QemuOutput {
    /// Text.
    Human,
    /// The object that qemu-img prints with --output=json.
    Json,
}

/// A number of bytes as qemu-img reads it: decimal or 0x…, then maybe one of b, k, M, G, T, P, E.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no size: give bytes, or a number with k, M, G, T, P or E");
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return u64::from_str_radix(digits, 16).map_err(|_| wrong());
    }
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end).ok_or_else(wrong)?;
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        "p" => 50,
        "e" => 60,
        _ => return Err(wrong()),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if fraction.len() > 15 || (fraction != "0" && shift == 0) {
        return Err(wrong());
    }
    let whole: u128 = whole.parse().map_err(|_| wrong())?;
    let digits = u32::try_from(fraction.len()).map_err(|_| wrong())?;
    let part: u128 = fraction.parse().map_err(|_| wrong())?;
    let bytes = (whole << shift) + (part << shift) / 10_u128.pow(digits);
    // A disk has at most 2^63 - 1 bytes.
    u64::try_from(bytes).ok().filter(|bytes| i64::try_from(*bytes).is_ok()).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_read_as_qemu_reads_them() {
        assert_eq!(size("0"), Ok(0));
        assert_eq!(size("65536"), Ok(65536));
        assert_eq!(size("64k"), Ok(65536));
        assert_eq!(size("1.5G"), Ok(3 << 29));
        assert_eq!(size("0x200"), Ok(512));
        assert_eq!(size("1T"), Ok(1 << 40));
        for wrong in ["", "k", "-1", "1kb", "1.5", "8E", "1e9", "99999999999999999999", ".5k"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
