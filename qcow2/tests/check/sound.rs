//! What a sound image is.

use diskdag_qcow2::check::FindingKind;
use diskdag_qcow2::{ClusterBits, Structure};

use crate::image::{at, make};
use crate::picture::{COMPRESSED, COPIED, Picture, count};

#[test]
fn every_empty_image_is_clean() {
    for bits in 9..=21 {
        for refcount_order in 0..=6 {
            for virtual_size in [0, 1 << 20, 1 << 34] {
                let cluster_bits = ClusterBits::new(bits).unwrap();
                let file = make(&diskdag_qcow2::create::Create {
                    virtual_size,
                    cluster_bits,
                    refcount_order,
                    ..Default::default()
                });
                let source = diskdag_qcow2::source::MemorySource(&file);
                let options = diskdag_qcow2::check::Options::default();
                let report =
                    diskdag_qcow2::check::check(&source, file.len() as u64, &options).unwrap();
                assert!(report.is_clean(), "{bits} {refcount_order}: {report:?}");
                assert_eq!(
                    report.image_end_offset,
                    (file.len() as u64).next_multiple_of(1 << bits)
                );
            }
        }
    }
}

#[test]
fn data_is_counted_in_every_refcount_width() {
    for order in 0..=6 {
        let mut picture = Picture::new(12, order, 8 << 20);
        for index in 0..4 {
            let l2 = picture.l2(index);
            for entry in 0..3 {
                picture.data(l2, entry);
            }
        }
        let report = picture.check();
        assert!(report.is_clean(), "{order}: {report:?}");
        assert_eq!((report.allocated_clusters, report.total_clusters), (12, 2048));
        assert_eq!(report.fragmented_clusters, 0);
        assert_eq!(report.image_end_offset, picture.len());
    }
}

#[test]
fn clusters_out_of_order_are_fragmented() {
    let mut picture = Picture::usual();
    let l2 = picture.l2(0);
    for entry in [5, 4, 3, 2] {
        picture.data(l2, entry);
    }
    assert_eq!(picture.check().fragmented_clusters, 3);
}

#[test]
fn a_compressed_cluster_may_span_two_clusters_and_be_shared_with_another() {
    let mut picture = Picture::usual();
    let l2 = picture.l2(0);
    let first = picture.cluster(2);
    picture.cluster(1);
    // Four sectors from 1 KiB before the boundary on; and one sector of the first cluster.
    let start = first + 65_536 - 1024;
    picture.put(l2, COMPRESSED | 3 << 54 | start);
    picture.put(l2 + 8, COMPRESSED | first);
    let report = picture.check();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!((report.compressed_clusters, report.fragmented_clusters), (2, 2));
}

#[test]
fn snapshots_share_tables_and_data() {
    let mut picture = Picture::usual();
    let l2 = picture.l2(0);
    let data = picture.data(l2, 0);
    let copy = picture.cluster(1);
    picture.put(copy, l2);
    picture.snapshots(&[(copy, 2)]);
    picture.put_l1(0, l2).put(l2, data);
    picture.refcount(l2, 2).refcount(data, 2);
    let report = picture.check();
    assert!(report.is_clean(), "{report:?}");
}

#[test]
fn dirty_and_corrupt_bits_are_told_and_not_counted() {
    let mut picture = Picture::usual();
    picture.file[at::INCOMPATIBLE + 7] = 3;
    let report = picture.check();
    assert!(report.is_clean());
    let kinds: Vec<_> = report.header.iter().map(|finding| finding.kind.code()).collect();
    assert_eq!(kinds, ["dirty", "corrupt"]);
}

#[test]
fn the_last_cluster_may_be_cut_short() {
    let mut picture = Picture::usual();
    let l2 = picture.l2(0);
    picture.data(l2, 0);
    picture.file.truncate(picture.file.len() - 65_535);
    assert!(picture.check().is_clean());
    picture.file.truncate(picture.file.len() - 1);
    let report = picture.check();
    assert_eq!(count(&report, FindingKind::OutOfBounds, Structure::Cluster), 1);
}

#[test]
fn zeros_may_have_a_cluster_set_aside() {
    let mut picture = Picture::usual();
    let l2 = picture.l2(0);
    let data = picture.data(l2, 0);
    picture.put(l2, data | COPIED | 1).put(l2 + 8, 1);
    let report = picture.check();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.allocated_clusters, 1);
}
