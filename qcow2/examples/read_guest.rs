//! Copies what the guest sees of an image to standard output, through all its backing files.
//!
//! ```console
//! $ cargo run -p diskdag-qcow2 --example read_guest -- vm.qcow2 > vm.raw
//! ```
//!
//! The image is trusted: what it names is opened. For one that is not, `Policy::nothing()` and
//! `Policy::beneath` say how far to go.

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;

use diskdag_qcow2::GuestOffset;
use diskdag_qcow2::chain::{Chain, Policy};

fn main() -> Result<(), Box<dyn Error>> {
    let image = std::env::args_os().nth(1).ok_or("usage: read_guest IMAGE")?;
    let chain = Chain::open(Path::new(&image), &Policy::trusting(std::env::current_dir()?))?;
    let mut out = io::stdout().lock();
    let mut buffer = vec![0; 1 << 20];
    let mut at = 0;
    loop {
        let read = chain.read_at(GuestOffset(at), &mut buffer)?;
        if read == 0 {
            break;
        }
        out.write_all(&buffer[..read])?;
        at += read as u64;
    }
    // What was read of a file that somebody wrote to may never have been on the disk.
    Ok(chain.unchanged()?)
}
