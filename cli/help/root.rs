//! What `diskdag --help` teaches.

use std::fmt::Write;

use crate::exit;

/// The first paragraphs of the root's long help.
pub(crate) const ABOUT: &str = "\
Who depends on this disk image? May it be deleted, and what would that free?

diskdag reads the headers of all qcow2 and raw disks below the directories that you name and holds \
them as one graph: backing files and external data files, at any depth, through every path. It \
opens images read-only, never writes to one, and takes no locks. An error is never read as absence: \
what could not be asked makes an answer unknown, and is named.

In a pool (`diskdag init DIR`) it also takes, restores, clones and removes snapshots of disks, so that no \
crash loses one: these verbs, and no others, write and take locks.";

/// Below the root's short help.
pub(crate) const SHORT: &str = "\
Examples:
  diskdag scan /var/lib/images                          what is there, and what is broken
  diskdag can-rm --root /var/lib/images golden.qcow2    may this file be deleted?
  diskdag snap create s1 vm.qcow2                       a snapshot, in a pool (`diskdag init DIR`)
  diskdag demo                                          try it on a fleet that it makes itself

Exit codes and scope rules: diskdag --help";

/// Below the root's long help.
pub(crate) fn long() -> String {
    let mut text = String::from(
        "\
Examples:
  $ diskdag scan /var/lib/images
      How many disks there are, the deepest chain, and every problem.
  $ diskdag tree /var/lib/images
      The forest: bases, and under each the overlays that need it.
  $ diskdag dependents --root /var/lib/images golden.qcow2
      Everything that needs golden.qcow2, at any depth.
  $ diskdag can-rm --root /var/lib/images old.qcow2 && rm old.qcow2
      Deletes only on a plain yes.
  $ diskdag roots add /var/lib/images
      Declares the directory once for all.
  $ diskdag init /var/lib/images && diskdag snap create before-upgrade vm.qcow2
      A snapshot; `diskdag snap restore before-upgrade vm.qcow2` goes back to it.
  $ diskdag demo
      A small fleet in a temporary directory, and a tour of it.

Scope:
  Who depends on an image is known only if every directory that may hold a dependent was
  searched. So these directories are declared:
    1. --root DIR, repeatable; else
    2. DISKDAG_ROOTS, separated by colons as in PATH; else
    3. the configured roots (`diskdag roots add DIR`);
  and always the pool that the image lies in, with the roots that it was made with.
  With none declared, the directory of the image is searched and the scope is assumed: can-rm
  then says no or unknown, never yes, and dependents is incomplete. scan, tree and graph take
  the PATHs given, or the current directory; where a scope is declared as well, it is searched
  too, and tree and graph show what hangs together with a disk under one of the PATHs.
  Local file systems mounted below a root are crossed. Network and pseudo file systems are
  entered only if one is named; else they are listed as skipped. Backing files outside of the
  scope are followed wherever they lie; who else needs one of those is not known, and so said.

Doubts:
  What could not be read and may depend on the image (a directory without permission, a damaged
  header, a reference that only QEMU can resolve) makes the answer unknown. Each is named, with
  what to do. `diskdag waive PATH --reason TEXT` declares one known until the file changes.

Owners:
  --owners PATH (or DISKDAG_OWNERS, separated by colons) names files in which owners name
  their disks: a directory of libvirt's definitions, such as /etc/libvirt/qemu (and
  /etc/libvirt/storage, where domains name volumes), or a mapping with a line per disk: its
  path, a tab, its owner. Owners stand behind disks in tree and dependents, what their disks
  need counts wherever they lie, and can-rm says no to a disk that has one; so do snap rm, gc
  and trash purge. A file that cannot be read makes the answer unknown, and so does a directory
  without any definition that is none of libvirt's: the wrong one, as it seems. Where nobody has
  disks, an empty file says so. A pool may remember owners of its own:
  `diskdag init --owners PATH DIR`.

Index:
  With --index FILE (or DISKDAG_INDEX) a scan starts from what an earlier one has learned, at
  the cost of one stat per file that has not changed, and saves what it learns. Without,
  nothing is ever written. An index that is damaged or from before a reboot is not used. It
  says what images hold to whoever can read it; only its owner can.

Locks:
  Verbs that write to a pool wait 10 seconds for another that does, and not at all for an
  image that somebody has open; --wait waits as long as it takes, --wait=SECONDS so long. All
  others wait for nobody.

Exit codes:
",
    );
    for (exit, meaning) in exit::TABLE {
        // Writing to a string cannot fail.
        writeln!(text, "  {:>2}  {meaning}", exit.code()).ok();
    }
    text.push_str(
        "  If several hold, the first of 64, 75, 8, 1, 63, 5, 4, 7, 6 is reported. scan, tree and chain
  print all they have, and then exit 6 or 7. info, map, measure and compare have
  qemu-img's codes, which their help tells.

Environment:
  DISKDAG_ROOTS    the scope, where no --root is given
  DISKDAG_OWNERS   files of owners, where no --owners is given
  DISKDAG_INDEX    the index, where no --index is given
  DISKDAG_CONFIG   directory of the settings; else $XDG_CONFIG_HOME/diskdag, else ~/.config/diskdag
  NO_COLOR         if set and not empty, no colour",
    );
    text
}

pub(crate) const DEMO: &str = "\
Example:
  $ diskdag demo
The directory is kept, and printed; it takes a few hundred KiB.";
