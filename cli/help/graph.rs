//! What `--help` teaches of the verbs that ask who depends on whom.

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
keeps disks from being flattened or rebased as things are, as a plan of can-rm says it; what would
be missing, and who would be broken by that; new cycles; who would have to be re-pointed, because
the disk that it needs is called otherwise or its own names lead elsewhere from the new directory;
owners that would not find their disks; live disks that a pool would part from their
snapshots, as it has them by their paths; what would no longer be missing; what would be needed no
more; chains that would be deeper than they should; and what would be copied, at most, taken by
what is made, and given back. Hard links and symbolic links keep what still leads through them.

--rm takes a disk away with all its names. --mv renames one file, or the symbolic link that IMAGE
is, or a directory that is searched, with all that is in it, to where nothing is or into another
one; to another file system it is a copy. A pool that is moved as a whole keeps all that it has.
What was moved may be named by either of its paths. The name that --rebase and --create give to
BACKING is the path as you type it, made absolute: it counts where that leads when all is done.

--json: changes (kind, path, onto or to), verdict (null where nothing is removed or replaced),
blockers, hindered (path, by: path, kind, detail), frees, copies, takes (what is made),
replaced, missing (path, needed-by), broken, cycles, repoint (path, kind, name, to: where it
should lead, null if that is gone; finds: what would be found, null if nothing; finds-overlay:
which is an overlay of what is meant), found (path, needed-by), owners (owner, path, to, finds),
pools (pool, path, snapshots, to, finds), out-of-scope, unneeded (path, frees), unneeded-frees,
deepest-before, deepest, deep (path, depth, verdict), doubts, and the scope as ever.

Example:
  $ diskdag what-if --root /srv --flatten vm.qcow2 --rm old-base.qcow2
  $ diskdag what-if --root /srv --mv base.qcow2 golden/ --rebase vm.qcow2 golden/base.qcow2
  $ diskdag what-if --root /srv --mv /srv/golden /srv/archive/
  $ diskdag what-if --root /srv --mv vm.qcow2 vm-1.qcow2 --create vm.qcow2 vm-1.qcow2
Exits 0 when all would be well, 4 when an image may not be removed, or not be moved, as it is in use
or recorded in a pool (a snapshot, what is in the trash), 6 when a chain would be broken, read
another disk, or a cycle be made, or is to be flattened that nothing can open, or an owner not find
its disk, or a disk be parted from its snapshots, 7 when that is not known, 5 not found.";

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

Where the system tells of no changes, everything is asked once a second. Waivers and the
files of owners are read again when they change; roots and pools are those of its beginning.

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
