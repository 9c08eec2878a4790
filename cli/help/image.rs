//! What `--help` teaches of the verbs that ask one image, most of them as qemu-img does.

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
