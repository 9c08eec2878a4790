//! Chains as the verbs that stand in for qemu-img's open them.

use std::path::{Path, PathBuf};

use diskdag_qcow2::chain::{Chain, Policy};

use crate::args::Following;
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;

/// Opens an image and what it names: all of it, unless the image is not to be trusted. What fails exits
/// with `exit`.
pub(super) fn open(
    image: &Path,
    format: Option<&str>,
    following: &Following,
    exit: Exit,
) -> Result<Chain, Failure> {
    let policy = policy(following)?;
    Chain::open_declared(image, format.map(str::as_bytes), &policy).map_err(|error| {
        let failure = Failure::caused(exit, error.code(), image, &error);
        match unusable(&policy) {
            lines if lines.is_empty() => failure,
            lines => failure.advising(lines.join("\n")),
        }
    })
}

/// What may be opened of what an image names.
pub(crate) fn policy(following: &Following) -> Result<Policy, Failure> {
    if following.no_follow {
        return Ok(Policy::nothing());
    }
    if following.allow_dir.is_empty() {
        // Names that QEMU resolves from its working directory are opened, and shown, as they are.
        return Ok(Policy::trusting(PathBuf::new()));
    }
    let folder = std::env::current_dir()
        .map_err(|error| Failure::on(Path::new("."), "find the directory", &error))?;
    let mut policy = Policy::beneath(following.allow_dir.iter().cloned());
    policy.working_directory = Some(folder);
    Ok(policy)
}

/// What is wrong with the directories that the caller allows, a line each.
pub(super) fn unusable(policy: &Policy) -> Vec<String> {
    let wrong = policy.unusable();
    let line = |(directory, error)| {
        format!("--allow-dir {} allows nothing: {error}", escape::path(directory))
    };
    wrong.into_iter().map(line).collect()
}
