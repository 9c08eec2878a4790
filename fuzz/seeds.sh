#!/bin/sh
# Makes the seeds of the targets that take a whole image, with qemu-img and qemu-io: version, cluster size,
# refcount width, compression, extended L2, data file, backing file, snapshots, bitmaps.
#
#     sh fuzz/seeds.sh fuzz/corpus/image
set -eu

into=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
cd "$work"
truncate -s 20k base.raw
qemu-img create -q -f qcow2 -o cluster_size=512 base.qcow2 20k

# NAME SIZE OPTIONS, then what to write, in qemu-io's words; a word of qemu-img's where it begins with `!`.
image() {
    name=$1 size=$2 options=$3
    shift 3
    qemu-img create -q -f qcow2 -o "$options" "$name" "$size"
    for command in "$@"; do
        case $command in
            "!"*) eval "qemu-img ${command#!}" ;;
            *) qemu-io -f qcow2 -c "$command" "$name" > /dev/null ;;
        esac
    done
    mv "$name" "$into/$name"
}

data="write -P 1 512 1k"
zeros="write -z 2k 1k"
gone="discard 1k 512"
packed="write -c -P 2 4k 512"
snapshot="!snapshot -c"
small=cluster_size=512

for bits in 1 2 4 8 16 32 64; do
    image "refcounts-$bits" 20k "$small,refcount_bits=$bits" "$data" "$zeros" "$packed"
done
for bits in 2 8 16 64; do
    image "snapshots-$bits" 8k "$small,refcount_bits=$bits" \
        "$data" "$snapshot one snapshots-$bits" "$data" "$snapshot two snapshots-$bits" "$zeros"
done
image version-2 20k "$small,compat=0.10" "$data" "$gone" "$packed"
image version-2-snapshot 8k "$small,compat=0.10" "$data" "$snapshot one version-2-snapshot" "$data"
image zstd 20k "$small,compression_type=zstd" "$data" "$packed" "write -c -P 3 5k 512"
image lazy 20k "$small,lazy_refcounts=on" "$data" "$gone"
image long 300k "$small" "$data" "write -P 5 150k 512" "write -P 6 299k 512"
image preallocated 20k "$small,preallocation=metadata" "$data"
for size in 1k 2k 4k; do
    image "clusters-$size" 20k "cluster_size=$size" "$data" "write -c -P 2 8k $size" "write -z 12k $size"
done
image data-file 20k "$small,data_file=data" "$data" "$zeros"
image data-file-raw 20k "$small,data_file=data.raw,data_file_raw=on" "$data" "$zeros"
image over-raw 20k "$small,backing_file=base.raw,backing_fmt=raw" "$data" "$zeros"
image over-qcow2 24k "$small,backing_file=base.qcow2,backing_fmt=qcow2" "$data" "$packed" \
    "$snapshot one over-qcow2" "$data"
image bitmap 20k "$small" "!bitmap --add -g 512 bitmap b0" "$data"
image bitmaps 20k "$small,refcount_bits=8" "!bitmap --add -g 512 bitmaps b0" "$data" \
    "!bitmap --add -g 1k bitmaps b1" "$packed" "!bitmap --disable bitmaps b0" "$snapshot one bitmaps"
image bitmap-over 20k "$small,backing_file=base.raw,backing_fmt=raw" "!bitmap --add -g 512 bitmap-over b" "$data"
image subclusters 64k "cluster_size=16k,extended_l2=on" "$data" "write -z 4k 1k" "write -c -P 2 32k 16k"
image subclusters-over 48k \
    "cluster_size=16k,extended_l2=on,refcount_bits=2,backing_file=base.raw,backing_fmt=raw" "$data"
