//! Layers from memory: what the guest sees through them.

use std::sync::Arc;

use diskdag_qcow2::create::Create;
use diskdag_qcow2::source::MemorySource;
use diskdag_qcow2::{Chain, ClusterBits, GuestOffset, Image, Layer};

use crate::forge::{CLUSTER, COPIED, DATA, Forge};

fn raw(bytes: Vec<u8>) -> Layer {
    Layer::raw(MemorySource(bytes)).unwrap()
}

fn layer(forge: &Forge) -> Layer {
    Layer::image(Image::open(MemorySource(forge.0.clone())).unwrap().active().unwrap())
}

/// An empty image, as `create` makes it.
fn empty(virtual_size: u64, bits: u32) -> Layer {
    let cluster_bits = ClusterBits::new(bits).unwrap();
    let layout = Create { virtual_size, cluster_bits, ..Create::default() }.build().unwrap();
    let mut bytes = vec![0; layout.len as usize];
    for (offset, piece) in &layout.pieces {
        bytes[*offset as usize..][..piece.len()].copy_from_slice(piece);
    }
    Layer::image(Image::open(MemorySource(bytes)).unwrap().active().unwrap())
}

fn whole(chain: &Chain) -> Vec<u8> {
    let mut bytes = vec![0xee; chain.size() as usize];
    assert_eq!(chain.read_at(GuestOffset(0), &mut bytes).unwrap(), bytes.len());
    bytes
}

#[test]
fn nothing_at_all() {
    let chain = Chain::new(Vec::new());
    assert_eq!(chain.size(), 0);
    assert_eq!(chain.read_at(GuestOffset(0), &mut [0; 10]).unwrap(), 0);
    assert_eq!(chain.extents().count(), 0);
}

#[test]
fn a_raw_disk_is_filled_up_to_its_last_sector() {
    let chain = Chain::new(vec![raw(vec![3; 1000])]);
    assert_eq!(chain.size(), 1024);
    assert_eq!(whole(&chain), [vec![3; 1000], vec![0; 24]].concat());
}

#[test]
fn a_shorter_layer_hides_what_is_below_it() {
    // The middle ends at 1 MiB; the base has data behind that.
    let chain = Chain::new(vec![empty(3 << 20, 16), empty(1 << 20, 12), raw(vec![9; 3 << 20])]);
    let bytes = whole(&chain);
    assert!(bytes[..1 << 20].iter().all(|byte| *byte == 9));
    assert!(bytes[1 << 20..].iter().all(|byte| *byte == 0));
    let extents: Vec<_> = chain.extents().map(Result::unwrap).collect();
    let told: Vec<_> =
        extents.iter().map(|e| (e.start.get(), e.length, e.depth, e.present, e.zero)).collect();
    assert_eq!(told, [(0, 1 << 20, 2, true, false), (1 << 20, 2 << 20, 0, false, true)]);
}

#[test]
fn clusters_of_other_sizes_below() {
    let mut top = Forge::new();
    top.u64(24, 1 << 20).l2(3, COPIED | DATA).l2(5, 1);
    let base: Vec<u8> = (0_u32..1 << 20).map(|at| (at / 777) as u8).collect();
    let chain =
        Chain::new(vec![layer(&top), empty(1 << 20, 9), empty(699_904, 21), raw(base.clone())]);
    let mut expected = base;
    expected[699_904..].fill(0);
    let cluster = CLUSTER as usize;
    expected[3 * cluster..4 * cluster].fill(0x5a);
    expected[5 * cluster..6 * cluster].fill(0);
    assert_eq!(whole(&chain), expected);
}

/// Deeper than what a read remembers.
#[test]
fn a_hundred_layers() {
    let base: Vec<u8> = (0_u32..4 << 20).map(|at| (at / 4096) as u8).collect();
    let mut layers: Vec<_> = (0..100).map(|_| empty(4 << 20, 12)).collect();
    let mut middle = Forge::new();
    middle.u64(24, 4 << 20).l2(7, COPIED | DATA).l2(9, COPIED | DATA);
    layers[60] = layer(&middle);
    layers.push(raw(base.clone()));
    let chain = Chain::new(layers);
    let mut expected = base;
    for cluster in [7, 9] {
        expected[cluster << 16..(cluster + 1) << 16].fill(0x5a);
    }
    assert_eq!(whole(&chain), expected);
    let depths: Vec<_> = chain.extents().map(|extent| extent.unwrap().depth).collect();
    assert_eq!(depths, [100, 60, 100, 60, 100]);
}

#[test]
fn many_threads_read_at_once() {
    let base: Vec<u8> = (0_u32..8 << 20).map(|at| (at / 512) as u8).collect();
    let chain = Chain::new(vec![empty(8 << 20, 9), empty(8 << 20, 16), raw(base.clone())]);
    let base = Arc::new(base);
    let threads: Vec<_> = (0..8_usize)
        .map(|thread| {
            let (chain, base) = (chain.clone(), Arc::clone(&base));
            std::thread::spawn(move || {
                let mut buffer = vec![0; 70_001];
                for step in 0..40 {
                    let at = (thread * 991 + step * 177_777) % (8 << 20);
                    let read = chain.read_at(GuestOffset(at as u64), &mut buffer).unwrap();
                    assert!(buffer[..read] == base[at..at + read]);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn without_its_data_file_an_image_can_be_mapped_but_not_read() {
    let mut forge = Forge::new();
    forge.u64(72, 1 << 2).u32(104, 0x4441_5441).u32(108, 4).bytes(112, b"data");
    // In an external data file the first cluster lies at offset 0: the copied bit says that it is there.
    forge.l2(0, COPIED).l2(1, COPIED | CLUSTER).l2(2, COPIED | CLUSTER);
    let image = Image::open(MemorySource(forge.0.clone())).unwrap();
    let chain = Chain::new(vec![Layer::image(image.active().unwrap())]);
    let error = chain.read_at(GuestOffset(0), &mut [0; 512]).unwrap_err();
    assert_eq!(error.error.code(), "no-data-file");
    let first = chain.extents().next().unwrap().unwrap();
    assert_eq!((first.length, first.offset.map(|at| at.get())), (2 * CLUSTER, Some(0)));
    let caches = diskdag_qcow2::image::Caches::default();
    let data = Box::new(MemorySource(vec![4; 3 * CLUSTER as usize]));
    let image = Image::open_with(Box::new(MemorySource(forge.0)), Some(data), &caches).unwrap();
    let view = image.active().unwrap();
    let mut buffer = vec![0; 2 * CLUSTER as usize];
    view.read_at(GuestOffset(0), &mut buffer).unwrap();
    assert!(buffer.iter().all(|byte| *byte == 4));
    let misplaced = view.read_at(GuestOffset(2 * CLUSTER), &mut buffer).unwrap_err();
    assert_eq!(misplaced.code(), "inconsistent", "not at its guest offset");
}
