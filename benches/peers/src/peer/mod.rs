//! The peers, each by the entry point that a caller of theirs would take, and none opening backing
//! files.

pub(crate) mod by_record;
pub(crate) mod chain_walk;
pub(crate) mod found;
pub(crate) mod has_path;
pub(crate) mod imago;
pub(crate) mod qcow2_rs;
pub(crate) mod qemu_img;
pub(crate) mod stable;
