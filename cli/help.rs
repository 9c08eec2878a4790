//! What `--help` teaches.

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
  scope are followed wherever they lie.

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

pub(crate) const SCAN: &str = "\
Findings are counted by kind, and the first few of each shown; --all shows all, and --json has
them. QEMU opens a file per layer and fails near 900: from 64 on a chain is called deep, or from
what --deep says; --deep 1 names the tops of all chains.

Example:
  $ diskdag scan /var/lib/images /srv/vms
Exits 6 when a chain is broken or a cycle was found, 7 when something could not be read.";

pub(crate) const TREE: &str = "\
Bases stand at the top, what needs them below; with -i every disk that nothing needs stands at
the top, and its chain below. OWN is what the file takes on its file system, SHARED what it
needs and others need as well, FREES what deleting it gives back (nothing while other hard
links to it remain), DEPTH the number of backing files below it: from 64 on a chain is called
deep, near 900 QEMU does not open it.

Example:
  $ diskdag tree -i /var/lib/images
Exits 6 when a chain is broken or a cycle was found, 7 when something could not be read.";

pub(crate) const CHAIN: &str = "\
No directory is searched: a chain is known from its own headers.

Example:
  $ diskdag chain vm.qcow2
Exits 6 when the chain is broken or a cycle, 7 when a step of it is not known for certain.";

pub(crate) const DEPENDENTS: &str = "\
Example:
  $ diskdag dependents --root /var/lib/images golden.qcow2
  $ diskdag dependents --root /var/lib/images -0 golden.qcow2 | xargs -0 ls -l
Exits 7 when the list may be incomplete, and says why on standard error.";

pub(crate) const WHY: &str = "\
The two chains are read, and nothing else; where those say no and a disk of the dependent's chain
has other names, the scope is searched for them.

Example:
  $ diskdag why golden.qcow2 vm-17.qcow2
Exits 0 when DEPENDENT needs IMAGE, 4 when it does not, 7 when that is not known.";

pub(crate) const CAN_RM: &str = "\
Yes needs a declared scope (--root, DISKDAG_ROOTS, or `diskdag roots add`), no dependent in
it, nobody who holds QEMU's locks on an image, and nothing that could not be asked. It cannot
see programs that take no locks, nor an overlay that is made a moment later.

Example:
  $ diskdag can-rm --root /var/lib/images old.qcow2 && rm old.qcow2
A no comes with a plan: what to rebase, flatten or convert first, how much that copies at most,
and what stands in the way of it (\"but\"): a secret, a lock, a corrupt image, internal snapshots,
which read through to the same backing file and are not looked after. What is on a cycle or has a
broken chain is to be repaired, as nothing can be copied into what cannot be opened.
Exits 0 yes, 4 no (every blocker is named), 7 unknown (every doubt is named), 5 not found.";

pub(crate) const DU: &str = "\
OWN is what the file takes on its file system, holes not counted. SHARED is what it needs and
others need as well: it stays when the disk goes. EXCLUSIVE is what deleting the file gives
back (nothing while other hard links to it remain), RETAINED that and what nothing needs any
more after it. What the file system itself shares between files (reflinks) counts in
OWN of each of them, and comes back with none: with all of them, more than is said here does.

With --owners it also tells what could go if only the disks that owners name were of use.

Example:
  $ diskdag du --limit 20 /var/lib/images
  $ diskdag du --sort own --owners /etc/libvirt/qemu /var/lib/images
Exits 6 when a chain is broken or a cycle was found, 7 when something could not be read.";

pub(crate) const ORPHANS: &str = "\
Who uses which disk is told by --owners, and by --keep for single disks; a disk that somebody
has open, that is a snapshot of a pool, or lies in its trash, is claimed as well, and named as
kept. What gives back most comes first. The list can be removed as a whole: nothing that is not
in it needs a disk of it.

--json: orphans (path, own, frees), orphans-total, frees of all together, kept (path, kind,
detail), doubts, and the scope as ever.

Example:
  $ diskdag orphans --owners /etc/libvirt/qemu /var/lib/images
  $ diskdag orphans --keep golden.qcow2 --owners vms.map -0 /srv/vms | xargs -0 ls -ld
Exits 7 when some of them may be of use: an owner's file or a part of the scope could not be
read, or the scope is assumed.";

pub(crate) const WHAT_IF: &str = "\
All changes are made together, in memory: moves first, then what is created, rebased and flattened,
and images that are removed go last. Names are resolved anew, as QEMU would do it then. Told are
the verdict on those that go, as can-rm gives it, on files that a move would replace, too; what
would be missing, and who would be broken by that; new cycles; who would have to be re-pointed,
because the disk that it needs is called otherwise or its own names lead elsewhere from the new
directory; owners that would not find their disks; live disks that a pool would part from their
snapshots, as it has them by their paths; what would no longer be missing; what would be needed no
more; chains that would be deeper than they should; and what would be copied, at most, and given
back. Hard links and symbolic links keep what still leads through them.

--rm takes a disk away with all its names. --mv renames one file, or the symbolic link that IMAGE
is; to another file system it is a copy. The name that --rebase and --create give to BACKING is the
path as you type it, made absolute: it counts where that leads when all is done.

--json: changes (kind, path, onto or to), verdict (null where nothing is removed or replaced),
blockers, frees, copies, replaced, missing (path, needed-by), broken, cycles, repoint (path, kind,
name, to: where it should lead, null if that is gone; finds: what would be found, null if nothing;
finds-overlay: which is an overlay of what is meant), found (path, needed-by), owners (owner, path,
to, finds), pools (pool, path, snapshots, to, finds), out-of-scope, unneeded (path, frees),
unneeded-frees, deepest-before, deepest, deep (path, depth, verdict), doubts, and the scope as ever.

Example:
  $ diskdag what-if --root /srv --flatten vm.qcow2 --rm old-base.qcow2
  $ diskdag what-if --root /srv --mv base.qcow2 golden/ --rebase vm.qcow2 golden/base.qcow2
  $ diskdag what-if --root /srv --mv vm.qcow2 vm-1.qcow2 --create vm.qcow2 vm-1.qcow2
Exits 0 when all would be well, 4 when an image may not be removed, or not be moved, as it is in use
or recorded in a pool (a snapshot, what is in the trash), 6 when a chain would be broken, read
another disk, or a cycle be made, or an owner not find its disk, or a disk be parted from its
snapshots, 7 when that is not known, 5 not found.";

pub(crate) const GRAPH: &str = "\
Arrows point from an overlay to what it needs.

Example:
  $ diskdag graph /var/lib/images | dot -Tsvg -o disks.svg
  $ diskdag graph /var/lib/images --format mermaid
Exits 6 when a chain is broken or a cycle was found, 7 when something could not be read.";

pub(crate) const WATCH: &str = "\
The declared scope and the PATHs are scanned, and then watched; a line is printed for every
change:
event: ready (once, when all is scanned), appeared, changed, gone, missing (needed, and not
there), rescanned (the system could not tell all that happened, so everything was asked
again), doubt (something can no longer be read). path: the file. image: the backing file that
it names, or null. dependents: how many disks depend on it now. That a guest writes is no
event. Runs until it is ended, or nobody reads.

Where the system tells of no changes, everything is asked once a second.

Example:
  $ diskdag watch /var/lib/images | jq -r 'select(.event == \"gone\" and .dependents > 0) | .path'";

pub(crate) const ROOTS: &str = "\
Example:
  $ diskdag roots add /var/lib/images /srv/vms
  $ diskdag roots list";

pub(crate) const WAIVE: &str = "\
The waiver covers what is at PATH as long as it does not change, and is printed with every answer
that rests on it.

Example:
  $ diskdag waive /var/lib/images/lost+found --reason 'holds no images, checked as root'";

pub(crate) const INFO: &str = "\
--json prints the object of `qemu-img info --output=json`. Without --backing-chain nothing is
opened that the image names. With it every backing file is; where the chain is broken all that
is above the break is printed, the break is named on standard error, and the exit code is 1.

Example:
  $ diskdag info --json vm.qcow2
  $ diskdag info --backing-chain vm.qcow2
Exits 0 or 1, as qemu-img does.";

pub(crate) const MAP: &str = "\
Like qemu-img it trusts the image: its backing files and its external data file are opened,
wherever they lie, and formats that are not declared are looked at. For an image that is not
trusted there are --no-follow and --allow-dir. Nothing but regular files is ever opened.

Example:
  $ diskdag map --output=json vm.qcow2
Exits 0 or 1, as qemu-img does.";

pub(crate) const MEASURE: &str = "\
Understood of -o for qcow2: cluster_size, refcount_bits, extended_l2, preallocation, compat,
data_file, data_file_raw, backing_file, lazy_refcounts, compression_type, encrypt.format.

Like qemu-img it trusts the image: its backing files and its external data file are opened,
wherever they lie. For an image that is not trusted there are --no-follow and --allow-dir.

Example:
  $ diskdag measure -O qcow2 -o cluster_size=128k vm.qcow2
  $ diskdag measure -O qcow2 --size 100G
Exits 0 or 1, as qemu-img does.";

pub(crate) const COMPARE: &str = "\
What the guest would read is compared; what is nowhere, or zeros, on both sides is not read.
Where one disk is longer, the rest of it has to be zeros. With -s the sizes have to be the
same, and a place that is allocated in one chain has to be in the other.

Like qemu-img it trusts the images: backing files and external data files are opened, wherever
they lie. For images that are not trusted there are --no-follow and --allow-dir.

Example:
  $ diskdag compare before.qcow2 after.qcow2
Exits as qemu-img does: 0 identical, 1 different, 2 an image could not be opened, 3 what is
allocated could not be asked, 4 a read failed.";

pub(crate) const AUDIT: &str = "\
Nothing is opened but the image itself, and what lies in an --allow-dir: neither `..` nor a
symbolic link leads out of it, and a refusal is the same whether or not there is such a file.
Safe means: the image names nothing else, all of its structures lie inside the file and apart
from each other, and no reader sees it differently. It does not mean that the image is whole;
that is for a check.

Example:
  $ diskdag audit upload.qcow2 && qemu-img convert -f qcow2 -O raw upload.qcow2 disk.raw
  $ diskdag audit --allow-dir /var/lib/images vm.qcow2
Exits 0 when it is safe to open, 4 when it is not, 7 when nobody can say.";

pub(crate) const CHECK: &str = "\
--json prints the object of `qemu-img check --output=json`. Nothing that the image names is
opened, and nothing is written. Exits 0 if all is well, 1 if it could not be checked, 2 on
corruption, 3 on leaks alone, 63 if the format has nothing to check, as qemu-img does.

Example:
  $ diskdag check vm.qcow2";

pub(crate) const DEMO: &str = "\
Example:
  $ diskdag demo
The directory is kept, and printed; it takes a few hundred KiB.";

pub(crate) const INIT: &str = "\
A pool is a directory tree whose disks can have snapshots; its records lie in DIR/.diskdag.
Nothing else is changed. With --root DIR further directories are named whose images may depend
on the pool's: they are asked whenever something is to be removed. With --owners PATH the pool
knows whose disks are not free to go. Both stand in DIR/.diskdag/config.

Example:
  $ diskdag init /srv/vms
  $ diskdag init --root /backup --owners /etc/libvirt/qemu /srv/vms
Exits 4 inside of another pool or around one.";

pub(crate) const SNAP: &str = "\
The pool is found from the first disk's path. A snapshot of vm.qcow2 is its sibling
vm@17-NAME.qcow2.

Example:
  $ diskdag snap create before-upgrade vm.qcow2
  $ diskdag snap list vm.qcow2
  $ diskdag snap restore before-upgrade vm.qcow2";

pub(crate) const SNAP_CREATE: &str = "\
The live disk becomes the snapshot, and an empty overlay of it takes its path in one step: at
no instant is the path absent. When the command has ended well the snapshot is durable.

Example:
  $ diskdag snap create before-upgrade vm.qcow2 data.qcow2
  $ diskdag snap create --freeze v1 golden.qcow2
Exits 0 done, 4 refused (every reason is named), 5 no such disk, 75 in use.";

pub(crate) const SNAP_LIST: &str = "\
NEEDED BY counts the disks that need a snapshot, at any depth. Reads only, and waits for nobody.

Example:
  $ diskdag snap list
  $ diskdag snap list --json vm.qcow2
Exits 6 when the file of a snapshot is missing, 7 when not everything could be asked.";

pub(crate) const SNAP_RESTORE: &str = "\
The snapshot stays, and can be gone back to again. Refused while other disks use the live path
as their backing file: what they read would change.

Example:
  $ diskdag snap restore before-upgrade vm.qcow2
  $ diskdag snap restore before-upgrade vm.qcow2 --keep broken-upgrade
Exits 0 done, 4 refused (every reason is named), 5 no such disk or snapshot, 75 in use.";

pub(crate) const SNAP_RM: &str = "\
All that is named goes, or nothing. The files go to the trash; nothing is freed before
`diskdag trash purge` or `diskdag gc`. With --older-than or --keep-last the NAME may be left
out; a first word at whose path nothing lies is taken for one, if disks follow.

Example:
  $ diskdag snap rm before-upgrade vm.qcow2
  $ diskdag snap rm --older-than 30d --keep-last 5 --dry-run vm.qcow2
  $ diskdag snap rm --retire before-upgrade vm.qcow2
Exits 0 done, 4 needed, pinned or frozen (all named), 5 no such snapshot, 7 not everything
could be asked, 8 the catalogue was rebuilt and nobody has confirmed it, 75 in use.";

pub(crate) const SNAP_CLONE: &str = "\
All clones are made, or none, with one commit. Each is an empty overlay of the snapshot.

Example:
  $ diskdag snap clone v1 golden.qcow2 vm-{1..200}.qcow2
Exits 0 done, 4 refused (something is there already), 5 no such snapshot.";

pub(crate) const SNAP_ADOPT: &str = "\
The backing files of DISK become snapshots of it, each under the name that its file has:
nothing is moved. They are made read-only.

Example:
  $ diskdag snap adopt vm.qcow2
Exits 0 done, 4 refused (the chain is broken), 5 no such disk.";

pub(crate) const RECOVER: &str = "\
Every verb that writes does this first. What had begun is finished or undone, by what lies on
the disk; what cannot be explained is kept and reported. A catalogue that is lost is rebuilt
from the names and headers of the files; until --confirm nothing can be removed.

Example:
  $ diskdag recover
  $ diskdag recover --confirm
Exits 0 done, 8 a person must decide (what, is said).";

pub(crate) const GC: &str = "\
Dead are: what has lain in the trash for a week (or since before --older-than), retired
snapshots that nothing needs any more, and what an operation that was cut off has left.
Nothing else is touched.

Example:
  $ diskdag gc --dry-run
  $ diskdag gc --older-than 1d --max-freed 100G";

pub(crate) const TRASH: &str = "\
Example:
  $ diskdag trash list
  $ diskdag trash restore 23
  $ diskdag trash purge --all";

pub(crate) const PIN: &str = "\
Example:
  $ diskdag pin v1 golden.qcow2 --reason 'the audit needs it'
  $ diskdag unpin v1 golden.qcow2";
