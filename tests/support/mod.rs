//! What the tests stand on.

mod answer;
mod fleet;
mod image;
mod json;
pub(crate) mod made;
mod process;
mod qemu;
mod random;
mod user;

pub(crate) use answer::Answer;
pub(crate) use fleet::{Ask, Fleet};
pub(crate) use image::{Image, feature};
pub(crate) use json::{Identity, identities, identity, items, path_of, paths_of, text_of};
pub(crate) use process::{Finished, command, finish};
pub(crate) use qemu::{Qemu, require_qemu};
pub(crate) use random::Random;
pub(crate) use user::is_root;
