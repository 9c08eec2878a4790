//! Creating images, as far as that can be told without qemu-img.

use diskdag_qcow2::create::{Backing, Create, CreateError};
use diskdag_qcow2::{ClusterBits, Compression, Header};

use crate::image::{flat, make};

#[test]
fn the_default_is_what_qemu_makes() {
    let layout = Create { virtual_size: 64 << 20, ..Create::default() }.build().unwrap();
    // QEMU's image of this size ends with the first byte after its one L1 entry, too.
    assert_eq!(layout.len, 196_616);
    let file = flat(&layout);
    let header = Header::parse(&file).unwrap();
    assert_eq!((header.version(), header.cluster_size()), (3, 65_536));
    assert_eq!((header.virtual_size(), header.l1_size()), (64 << 20, 1));
    assert_eq!((header.refcount_bits(), header.header_length()), (16, 112));
    assert_eq!(header.refcount_table_offset().get(), 65_536);
    assert_eq!(header.l1_table_offset().get(), 3 * 65_536);
    assert_eq!(header.snapshot_count(), 0);
    assert_eq!(header.findings(layout.len).count(), 0);
}

#[test]
fn everything_asked_for_is_there() {
    for bits in 9..=21 {
        let cluster_bits = ClusterBits::new(bits).unwrap();
        let options = Create {
            cluster_bits,
            virtual_size: 1 << 30,
            backing: Some(Backing { name: b"dir/base", format: Some(b"raw") }),
            data_file: Some(b"data.raw"),
            refcount_order: 5,
            lazy_refcounts: true,
            extended_l2: bits >= 14,
            compression: Compression::Zstd,
            extensions: &[(0x1234_5678, b"mine")],
            ..Create::default()
        };
        let file = make(&options);
        let header = Header::parse(&file).unwrap();
        assert_eq!(header.cluster_bits(), cluster_bits);
        assert_eq!(header.backing_name(), Some(&b"dir/base"[..]));
        assert_eq!(header.backing_format(), Some(&b"raw"[..]));
        assert_eq!(header.data_file_name(), Some(&b"data.raw"[..]));
        assert_eq!(header.refcount_bits(), 32);
        assert_eq!(header.compression(), Compression::Zstd);
        assert_eq!(header.features().extended_l2(), bits >= 14);
        assert!(header.extensions().any(|extension| extension.data == b"mine"));
        assert_eq!(header.findings(file.len() as u64).count(), 0);
    }
}

#[test]
fn a_large_image_is_a_few_pieces() {
    let layout = Create { virtual_size: 64 << 40, ..Create::default() }.build().unwrap();
    let bytes: usize = layout.pieces.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(bytes < 4096, "{bytes}");
    assert_eq!(Header::parse_prefix(layout.header(), layout.len).unwrap().l1_size(), 131_072);
}

#[test]
fn metadata_that_counts_itself() {
    // 32 MiB of L1 in clusters of 512 bytes with 64-bit refcounts: 1024 refcount blocks and more.
    let cluster_bits = ClusterBits::new(9).unwrap();
    let layout =
        Create { cluster_bits, virtual_size: 128 << 30, refcount_order: 6, ..Create::default() }
            .build()
            .unwrap();
    let header = Header::parse_prefix(layout.header(), layout.len).unwrap();
    let counted = layout.pieces[2].1.len() as u64 / 8;
    assert_eq!(counted, layout.len.div_ceil(512));
    let blocks = layout.pieces[1].1.len() as u64 / 8;
    assert!(counted.div_ceil(64) == blocks, "{counted} {blocks}");
    assert!(blocks * 8 <= u64::from(header.refcount_table_clusters()) * 512);
}

#[test]
fn what_cannot_be_is_refused() {
    let build = |options: Create<'_>| options.build().map(|layout| layout.len);
    let size = |virtual_size| Create { virtual_size, ..Create::default() };
    assert_eq!(build(size(511)), Err(CreateError::UnalignedSize { found: 511 }));
    assert_eq!(build(size(1 << 51)), Ok(3 * 65_536 + (32 << 20) + 3 * 65_536 - 65_536 * 3));
    assert!(matches!(build(size((1 << 51) + 512)), Err(CreateError::TooLarge { .. })));
    let lazy = Create { version: 2, lazy_refcounts: true, ..Create::default() };
    assert_eq!(build(lazy), Err(CreateError::NeedsVersion3 { field: "lazy refcounts" }));
    for (name, format) in
        [(&b""[..], &b"raw"[..]), (b"a\0b", b"raw"), (b"a", b""), (b"a", &[b'x'; 16])]
    {
        let backing = Some(Backing { name, format: Some(format) });
        let found = build(Create { backing, ..Create::default() });
        assert!(matches!(found, Err(CreateError::BadName { .. })), "{found:?}");
    }
    let long = [b'x'; 1024];
    let backing = Some(Backing { name: &long, format: None });
    assert!(build(Create { backing, ..Create::default() }).is_err());
    let cluster_bits = ClusterBits::new(9).unwrap();
    let backing = Some(Backing { name: &long[..500], format: None });
    let small = Create { cluster_bits, backing, ..Create::default() };
    assert_eq!(build(small), Err(CreateError::DoesNotFit { need: 620, max: 512 }));
    for options in [
        Create { version: 4, ..Create::default() },
        Create { refcount_order: 7, ..Create::default() },
        Create {
            cluster_bits: ClusterBits::new(13).unwrap(),
            extended_l2: true,
            ..Create::default()
        },
        Create { extensions: &[(0xe279_2aca, b"raw"), (0xe279_2aca, b"raw")], ..Create::default() },
    ] {
        assert!(matches!(build(options.clone()), Err(CreateError::Invalid(_))), "{options:?}");
    }
}
