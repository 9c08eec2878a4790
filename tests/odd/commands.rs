//! Images that commands of qemu-img and qemu-io make, one after the other, and what was then done to a few bytes.

/// As in [`super::IMAGES`]; besides `cut BYTES`, and `copy FILE`, which begins with a copy. `base`, `base-small` and
/// `r.raw` are there.
pub(super) const IMAGES: &[(&str, &str)] = &[
    ("overlap-l2-into-l1", "create - 64M\npoke 0x30000 80 00 00 00 00 03 00 00"),
    (
        "overlap-data-into-rb",
        "create - 64M\ncut 0x50000\npoke 0x30000 80 00 00 00 00 04 00 00\npoke 0x20008 00 01\npoke 0x40000 80 00 00 00 00 02 00 00",
    ),
    (
        "overlap-inactive-l2",
        "create - 64M\nio write -P 1 0 512\nimg snapshot -c foo @\nio write -P 2 0 512\npoke 0x80000 80 00 00 00 00 04 00 00",
    ),
    (
        "overlap-cow",
        "create compat=0.10 1G\nio write 0 64k\nio write 512M 64k\nio discard 0 64k\npoke 131084 00 00",
    ),
    ("overlap-unalloc-header", "create - 64M\npoke 0x20000 00 00"),
    ("overlap-unalloc-refblock", "create - 64M\npoke 0x20004 00 00"),
    ("overlap-unalloc-l2", "create - 64M\nio write 0 64k\npoke 0x20008 00 00"),
    ("overlap-rt-zero", "create - 64M\npoke 0x10000 00 00 00 00 00 00 00 00"),
    ("overlap-rb-unaligned", "create - 64M\npoke 0x10000 00 00 00 00 00 02 2a 00"),
    (
        "overlap-rb-outside",
        "create - 64M\nio write 0 64k\nimg resize -q @ 1G\npoke 0x10008 00 00 00 00 00 11 00 00",
    ),
    (
        "overlap-cluster-unaligned",
        "create - 64M\nio write 0 64k\npoke 0x40000 80 00 00 00 00 05 2a 00",
    ),
    (
        "overlap-zero-cluster-unaligned",
        "create - 64M\nio write 0 64k\nio write -z 0 64k\npoke 0x40000 80 00 00 00 00 05 2a 01",
    ),
    (
        "overlap-refblock-entry-after-truncate",
        "create - 64M\nio write 0 64k\nio write -z 0 64k\npoke 0x20000 00 02",
    ),
    (
        "overlap-comp-unalloc",
        "create - 64M\nio write 64k 64k\nio write -c 0 64k\npoke 0x2000c 00 00",
    ),
    (
        "overlap-backing-data-into-l1",
        "over base qcow2 -\nio write 0 64k\npoke 0x40000 80 00 00 00 00 03 00 00",
    ),
    (
        "overlap-prealloc-zero",
        "create - 64M\nio write 0 128k\nio write -z 0 64k\npoke 0x40000 80 00 00 00 00 0f 00 01",
    ),
    ("limit-hs-7f", "create - 64M\npoke 100 7f ff ff ff"),
    ("limit-rtc-20001", "create - 64M\npoke 56 00 02 00 01"),
    ("limit-rt-huge", "create - 64M\npoke 48 ff ff ff ff ff ff 00 00\npoke 56 00 00 00 7f"),
    ("limit-sn-huge", "create - 64M\npoke 64 ff ff ff ff ff ff 00 00\npoke 60 00 00 ff ff"),
    ("limit-l1s-7f", "create - 64M\npoke 36 7f ff ff ff"),
    ("limit-l1o-7f", "create - 64M\npoke 40 7f ff ff ff ff ff 00 00\npoke 36 00 00 ff ff"),
    ("limit-bk-size", "create - 64M\npoke 8 00 00 00 00 00 00 10 00\npoke 16 ff ff ff ff"),
    (
        "limit-bk-huge",
        "create - 64M\npoke 8 ff ff ff ff ff ff ff ff\npoke 104 12 34 56 78 7f ff ff ff",
    ),
    ("limit-ext-huge", "create - 64M\npoke 104 12 34 56 78 7f ff ff ff"),
    ("limit-l1-0-snap", "create - 64M\nimg snapshot -c foo @\npoke 36 00 00 00 00"),
    (
        "limit-snap-l1-off",
        "create - 64M\nio write 0 512\nimg snapshot -c test @\npoke 0x70000 00 00 00 00 00 40 02 00",
    ),
    (
        "limit-snap-l1-size",
        "create - 64M\nio write 0 512\nimg snapshot -c test @\npoke 0x70008 10 00 00 00",
    ),
    (
        "repair-new-rb",
        "create cluster_size=512 64M\nio write 0 0x1b200\npoke 0x1ccc8 80 00 00 00 00 02 00 00\ncut 0x20200",
    ),
    ("repair-rb-beyond", "create - 64M\npoke 0x10008 00 00 00 00 00 10 00 00\npoke 0x20020 00 01"),
    ("repair-rb-unalloc", "create - 64M\npoke 0x10008 00 00 00 00 00 10 00 00"),
    ("repair-rb-signed", "create - 64M\npoke 0x10008 7f ff ff ff ff ff 00 00"),
    ("repair-rb-unsigned", "create - 64M\npoke 0x10008 ff ff ff ff ff ff 00 00"),
    (
        "refcounts-of-1",
        "create refcount_bits=1 64M\nio write 0 1M\nio discard 512k 64k\nio write -c 2M 64k",
    ),
    (
        "refcounts-of-2",
        "create refcount_bits=2 64M\nio write 0 1M\nio discard 512k 64k\nio write -c 2M 64k\nimg snapshot -c a @\nio write 0 64k",
    ),
    (
        "refcounts-of-4",
        "create refcount_bits=4 64M\nio write 0 1M\nio discard 512k 64k\nio write -c 2M 64k\nimg snapshot -c a @\nio write 0 64k",
    ),
    (
        "refcounts-of-8",
        "create refcount_bits=8 64M\nio write 0 1M\nio discard 512k 64k\nio write -c 2M 64k\nimg snapshot -c a @\nio write 0 64k",
    ),
    (
        "refcounts-of-32",
        "create refcount_bits=32 64M\nio write 0 1M\nio discard 512k 64k\nio write -c 2M 64k\nimg snapshot -c a @\nio write 0 64k",
    ),
    ("feature-autoclear", "create - 64M\npoke 88 ff ff ff ff ff ff ff fc"),
    ("feature-compat-unknown", "create - 64M\npoke 80 ff ff ff ff ff ff ff ff"),
    (
        "extension-ext",
        "create cluster_size=2k 64M\npoke 112 12 34 56 78 00 00 00 1f 54 68 69 73 20 69 73 20 61 20 74 65 73 74 20 68 65 61 64 65 72 20 65 78 74 65 6e 73 69 6f 6e 00",
    ),
    (
        "extension-ext-v2",
        "create compat=0.10 64M\npoke 72 12 34 56 78 00 00 00 1f 54 68 69 73 20 69 73 20 61 20 74 65 73 74 20 68 65 61 64 65 72 20 65 78 74 65 6e 73 69 6f 6e 00",
    ),
    ("extension-ext-v2-over", "over base qcow2 compat=0.10"),
    (
        "amended-down",
        "create compat=1.1,lazy_refcounts=on 64M\nio write -z 0 128k\nimg amend -o compat=0.10 @",
    ),
    (
        "amended-down-zero-backed",
        "over base qcow2 compat=1.1\nio write -z 0 128k\nimg amend -o compat=0.10 @",
    ),
    (
        "amended-up",
        "create compat=0.10 64M\nio write -P 0x2a 42M 64k\nimg amend -o compat=1.1,lazy_refcounts=on,size=128M @",
    ),
    ("amended-refcount", "create compat=1.1 64M\nio write 0 1M\nimg amend -o refcount_bits=1 @"),
    (
        "amended-refcount64",
        "create compat=1.1 64M\nio write 0 1M\nimg snapshot -c a @\nimg amend -o refcount_bits=64 @",
    ),
    (
        "amended-backed-v1",
        "over base qcow2 compat=0.10\nio write 0 100k\nimg amend -o compat=1.1 @",
    ),
    (
        "many-writes",
        "over base qcow2 -\nio write -P 0x22 0 3M\nio write -z 1M 64k\nio write -c -P 0x33 4M 1M\nio write -c -P 0x33 5M 64k\nio discard 2M 64k\nio write -P 0x55 4M 64k",
    ),
    ("converted-conv", "copy base\nimg convert -q -c -O qcow2 base @"),
    ("converted-conv-s", "copy base\nimg convert -q -S 0 -O qcow2 base @"),
    ("converted-conv-b", "copy base\nimg convert -q -O qcow2 -B base -F qcow2 many-writes @"),
    (
        "unmapped",
        "create - 64M\nio write -z -u 2M 2M\nio write -z 6M 2M\nio write 10M 10M\nio write -z -u 12M 2M\nio write -z 16M 2M\nio write -z -u 22M 2M\nio write -P 1 24M 1M",
    ),
    (
        "unmapped-v2",
        "create compat=0.10 64M\nio write -z -u 2M 2M\nio write 10M 10M\nio write -z -u 12M 2M\nio write -z 16M 2M",
    ),
    (
        "zeroed-in-part",
        "over base-small qcow2 cluster_size=1k\nio write -z 40k 3k\nio write -z 65k 500\nio write -P 0x33 41k 512\nio write -z -u 500k 100k",
    ),
    (
        "zeroed-in-part-tail",
        "over base-small qcow2 - 2084k\nio write -z 900k 200k\nio write -z 2000k 84k",
    ),
    (
        "tail-of-a-range",
        "create cluster_size=1M 128M\nio write -P 11 0 128M\nio write -P 22 64M 32M\nio write -z 80000001 50331647\nio discard 80000001 30000000",
    ),
    (
        "discarded-over",
        "over base qcow2 cluster_size=32k\nio write -P 1 0 1M\nio discard -q 0 512k",
    ),
    (
        "interleaved",
        "over base qcow2 -\nio write -P 10 0 64k\nio write -P 20 64k 96k\nio write -P 30 128k 65k\nio aio_write -P 40 1M 48k\nio aio_flush",
    ),
    ("commit-mid", "over base qcow2 -\nio write -P 2 64k 192k"),
    ("commit-top", "over commit-mid qcow2 - 96M\nio write -P 3 128k 64k\nio write -P 4 80M 64k"),
    ("commit-committed", "over base-small qcow2 -\nio write -P 3 0 100k\nimg commit -q -d @"),
    ("rebased", "over base qcow2 -\nio write -P 5 0 64k\nimg rebase -q -b base-small -F qcow2 @"),
    (
        "snapshot-with-bitmaps",
        "create - 128M\nimg bitmap --add @ b0\nimg bitmap --add -g 1M @ b1\nio write 0 1M\nimg snapshot -c s @\nio write 64M 64k\nio write -z 70M 1M",
    ),
    (
        "sized-bitmaps",
        "create cluster_size=64k 2T\nimg bitmap --add -g 2M @ big\nimg bitmap --add -g 512 @ small\nimg bitmap --disable @ small",
    ),
    ("sized-bm-512", "create cluster_size=512 64M\nimg bitmap --add -g 512 @ b"),
    (
        "two-bitmaps",
        "create - 1M\nimg bitmap --add -g 16k @ bitmap-0\nio write 0 256k\nimg bitmap --add -g 32k @ bitmap-1\nimg bitmap --disable @ bitmap-1",
    ),
    (
        "zstd-bitmaps",
        "create compression_type=zstd 10M\nimg bitmap --add -g 32k @ bitmap-1\nio write 0 6M\nimg bitmap --add --disable -g 64k @ bitmap-2\nio write 6M 2M",
    ),
    (
        "merged",
        "create - 10M\nimg bitmap --add @ b0\nio write -P 0xbb 3M 1M\nimg bitmap --add @ b1\nimg bitmap --merge b0 @ b1\nimg bitmap --clear @ b0",
    ),
    ("merged-converted", "copy merged\nimg convert -q --bitmaps -O qcow2 merged @"),
    ("preallocated-ext", "create preallocation=metadata,extended_l2=on,cluster_size=16k 3M"),
    (
        "preallocated-full",
        "create preallocation=full,cluster_size=2M,refcount_bits=1,lazy_refcounts=on 4M",
    ),
    ("grow", "create preallocation=metadata 1M\nimg resize -q --preallocation=metadata @ 3M"),
    (
        "shrink",
        "create cluster_size=64k 128M\nio write 0 32M\nio write 100M 1M\nimg resize -q --shrink @ 20M",
    ),
    ("shrink512", "create cluster_size=512 5M\nio write 0 5M\nimg resize -q --shrink @ 1M"),
    (
        "packed-max",
        "create cluster_size=2M 8M\nio write -c -P 0x11 0 2M\nio write -c -P 0x11 2M 2M\npoke 0x800000 7f fe\npoke 0x800008 7f fe",
    ),
    (
        "packed-max-grown",
        "create cluster_size=2M 8M\nio write -c -P 0x11 0 2M\nio write -c -P 0x11 2M 2M\npoke 0x800000 7f fe\npoke 0x800008 7f fe\nio write -P 0x22 4M 4M",
    ),
    ("over-df", "over base qcow2 data_file=244o.raw\nio write -P 1 3M 64k"),
    (
        "df-snapshotless-ext",
        "create data_file=244e.raw,extended_l2=on 8M\nio write -P 1 1k 3k\nio write -z 64k 2k\nio discard 1k 2k",
    ),
    ("df-conv", "copy base\nimg convert -q -O qcow2 -o data_file=244c.raw,data_file_raw=on base @"),
    ("holes", "create cluster_size=64k 5M\nio write 0 64k\nio write 1M 1M\nio discard 1M 512k"),
    (
        "reverted",
        "create - 128M\nio write 0 64k\nimg snapshot -c snap0 @\nimg snapshot -c 2 @\nimg snapshot -d snap0 @\nio write 64k 64k\nimg snapshot -a 2 @",
    ),
    ("snap-dup", "create - 8M\nimg snapshot -c a @\nimg snapshot -c a @\nimg snapshot -c 1 @"),
    (
        "snap-long",
        "create - 8M\nimg snapshot -c nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn @",
    ),
    (
        "extended-a",
        "over r.raw raw extended_l2=on 1M\nio write -P 1 0 1k\nio write -P 2 3k 512\nio write -P 3 5k 1k\nio write -P 4 8k 6k\nio write -P 5 63k 4k\nio write -z 2k 2k\nio write -z 128k 64k\nio write -z -u 0 32k",
    ),
    (
        "extended-b",
        "over r.raw raw extended_l2=on 2083k\nio write -z 0 192k\nio write -z 224k 128k\nio write -z 415k 128k\nio write -P 9 576k 576k\nio write -z 576k 192k\nio write -z 800k 128k\nio write -c -P 7 1152k 64k\nio write -c -P 7 1216k 64k\nio write -z 1184k 64k\nio write -z 2048k 35k",
    ),
    (
        "extended-c",
        "create extended_l2=on,cluster_size=2M 20M\nio write -P 1 65k 1k\nio write -z 3M 128k\nio discard 2M 2M\nio write -c 4M 2M",
    ),
    (
        "extended-unalloc-bits",
        "over r.raw raw extended_l2=on 1M\nio write -P 1 0 64k\npoke 0x40000 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01",
    ),
    (
        "extended-both-bits",
        "over r.raw raw extended_l2=on 1M\nio write -P 1 0 64k\npoke 0x40008 00 00 00 01 00 00 00 01",
    ),
    (
        "extended-comp-bits",
        "over r.raw raw extended_l2=on 1M\nio write -c -P 1 0 64k\npoke 0x40008 00 00 00 00 00 00 00 01",
    ),
    ("compression-mismatch", "create compression_type=zstd 64M\npoke 104 00"),
    ("compression-mismatch2", "create - 64M\npoke 104 01"),
    ("compression-unknown", "create compression_type=zstd 64M\npoke 104 02"),
    ("compression-bit-only", "create - 64M\npoke 79 08"),
    (
        "bitmap-bits",
        "create - 64M\nimg bitmap --add -g 64k @ b\npoke 0x40000 00 00 00 00 00 00 00 01",
    ),
    (
        "bitmap-bits2",
        "create - 64M\nimg bitmap --add -g 64k @ b\npoke 0x40000 00 00 00 00 00 03 00 00",
    ),
    ("odd-513", "create - 513"),
    ("odd-65537", "create - 65537"),
    ("cl512-big", "create cluster_size=512 2G\nio write 0 64k\nio write 1G 64k"),
    ("l1-unaligned-size", "create cluster_size=4k 12345k\nio write 12000k 345k"),
    ("l2-reserved", "create - 64M\nio write 0 64k\npoke 0x40000 b0 00 00 00 00 05 00 fe"),
    ("l1-reserved", "create - 64M\nio write 0 64k\npoke 0x30000 f0 00 00 00 00 04 01 ff"),
    ("rt-reserved", "create - 64M\nio write 0 64k\npoke 0x10000 00 00 00 00 00 02 01 ff"),
    ("comp-copied", "create - 64M\nio write -c 0 64k\npoke 0x40000 c0"),
    ("l2-eof", "create - 64M\nio write 0 64k\npoke 0x30000 80 00 00 00 00 06 00 00"),
    ("leak3", "create - 64M\nio write 0 1M\npoke 0x30000 00 00 00 00 00 00 00 00"),
    ("copied-wrong", "create - 64M\nio write 0 128k\npoke 0x40000 00\npoke 0x30000 00"),
    ("chain-a", "over base qcow2 cluster_size=512\nio write -P 1 1000 3000\nio write -z 100k 64k"),
    ("chain-b", "over chain-a qcow2 cluster_size=2M 100M\nio write -P 2 70M 100k"),
    ("chain-c", "over chain-b qcow2 extended_l2=on 50M\nio write -P 3 20M 5k\nio write -z 8M 64k"),
    ("chain-d", "over chain-c qcow2 compat=0.10\nio write -c 9M 64k"),
];
