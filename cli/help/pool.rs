//! What `--help` teaches of the verbs of pools.

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
