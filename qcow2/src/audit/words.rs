//! What each kind of finding means to who opens such an image.
#![forbid(unsafe_code)]

/// A sentence for people.
pub(super) fn meaning(kind: &str) -> &'static str {
    match kind {
        "refused-reference" => {
            "the image names a file that the policy doesn't allow: QEMU would open it, and the guest read it"
        }
        "working-directory-reference" => {
            "QEMU takes the name from its own working directory, wherever that is"
        }
        "remote-reference" => "opening it makes QEMU connect to another machine",
        "opaque-reference" => "it can't be told which files QEMU would open",
        "bad-reference" => "the name leads nowhere, or elsewhere for every reader",
        "json-reference" => "a json: name can set any option of QEMU's block layer",
        "missing-reference" => "what it names is allowed, but can't be opened",
        "format-mismatch" => "declared as one format and found to be another",
        "unknown-format" => "the declared format is neither qcow2 nor raw",
        "cycle" => "a chain that leads back to itself: some readers never end",
        "too-deep" => "the chain has more layers than the policy allows",
        "undeclared-backing-format" => {
            "QEMU probes the backing file: a guest that writes to a raw disk chooses its format"
        }
        "nul-in-name" => "QEMU cuts the name at the NUL, others don't: they open different files",
        "control-characters" => "printed as it is, the name forges lines or commands a terminal",
        "not-utf-8" => "tools that print it as text change the name",
        "long-name" => "no path can be so long",
        "out-of-bounds" => "it lies beyond the end of the file: cut short, or forged",
        "overlap" => "the same bytes are two structures: a write to one destroys the other",
        "shared-table" => "one table stands for many: little file, endless work",
        "shared-cluster" => {
            "one cluster is mapped at several places: a write to one changes the others"
        }
        "amplification" => "a few bytes stand for very many",
        "polyglot" => "another program takes the same bytes for something else",
        "not-qcow2" => "not a qcow2 image: safe only if it is opened as raw, with that declared",
        "other-format" => "an image of a format whose references aren't known here",
        "not-a-regular-file" => "opening it may block, or do anything",
        "pseudo-file-system" => "a file of the kernel's, not of a disk",
        "unreadable" => "it could not be read",
        "changed-during-read" => {
            "somebody writes to it: what was read may never have been there together"
        }
        "unknown-incompatible" => "features that nobody here knows: anything may follow from them",
        "encrypted" => "guest data can't be read without the key; what is said here needs none",
        "short-header" => "the file ends before its header does: some readers take it for raw",
        "header-not-counted" => "a writer would take the header's place for free",
        "no-refcount-table" => "QEMU opens such an image only to repair it",
        "misaligned" => "QEMU doesn't read through it, and marks the image corrupt",
        "reserved-bits" => "bits that have no meaning, yet",
        "dirty" => "it was not closed: opened for writing, it is repaired first",
        "corrupt" => "marked corrupt: to be read, not to be written",
        "truncated" | "bad-field" | "unsupported" | "too-large" | "inconsistent" | "bad-string"
        | "duplicate" => "what makes no sense is read differently by different readers",
        "unsupported-version" => "of a version that isn't known here",
        "snapshot-with-data-file" => "QEMU doesn't make snapshots of such images",
        "incomplete-snapshot" => "version 3 demands more of a snapshot",
        "duplicate-snapshot" | "duplicate-bitmap" => "which one is meant can't be told",
        "expensive-key" => "to try a passphrase takes very long",
        "raw-holds-image" => "declared raw: what it holds is the guest's, and must not be probed",
        _ => "odd",
    }
}
