//! What a refused header still says about other files.

use diskdag_qcow2::{Header, Salvage};

use crate::image::{DATA_FILE, FORMAT, Put as _, at, ext, extended, overlay};

fn salvage(file: &[u8]) -> Option<Salvage<'_>> {
    let error = Header::parse(file).expect_err("has to be refused");
    let salvage = Salvage::of(file, file.len() as u64, error)?;
    assert_eq!(salvage.error, error);
    Some(salvage)
}

#[test]
fn a_bad_table_does_not_hide_the_backing_file() {
    let mut file = overlay(b"base.qcow2", Some(b"qcow2"));
    for (field, value) in
        [(at::L1, 513), (at::SIZE, u64::MAX), (at::SNAPSHOTS, u64::MAX), (at::INCOMPATIBLE, 1 << 3)]
    {
        let mut file = file.clone();
        let found = salvage(file.put64(field, value)).map(|found| {
            assert_eq!((found.cluster_bits, found.data_file_name), (16, None));
            (found.backing_name.unwrap().to_vec(), found.backing_format.unwrap().to_vec())
        });
        assert_eq!(found, Some((b"base.qcow2".to_vec(), b"qcow2".to_vec())));
    }
    assert_eq!(salvage(file.put32(at::CRYPT, 3)).unwrap().virtual_size, 64 << 20);
}

#[test]
fn of_two_formats_or_data_files_the_last_counts_as_for_qemu() {
    let mut file = extended(&[
        ext(FORMAT, b"raw"),
        ext(DATA_FILE, b"one"),
        ext(FORMAT, b"qcow2"),
        ext(DATA_FILE, b"two"),
    ]);
    let found = salvage(&file).unwrap();
    assert_eq!((found.backing_format, found.data_file_name), (Some(&b"qcow2"[..]), None));
    let found = salvage(file.put64(at::INCOMPATIBLE, 1 << 2)).unwrap();
    assert_eq!(found.data_file_name, Some(&b"two"[..]));
}

#[test]
fn a_name_in_the_header_is_told_as_qemu_would_take_it() {
    let mut file = overlay(b"base", Some(b"raw"));
    let found = salvage(file.put64(at::NAME_OFFSET, 8).put32(at::NAME_SIZE, 4)).unwrap();
    assert_eq!(found.backing_name, Some(&[0; 4][..]));
}

#[test]
fn what_cannot_say_what_it_names_is_not_salvaged() {
    let mut file = overlay(b"base", Some(b"raw"));
    assert!(salvage(file.clone().put32(at::NAME_SIZE, 1024)).is_none());
    assert!(salvage(file.clone().put32(at::CLUSTER_BITS, 8)).is_none());
    assert!(salvage(file.clone().put32(at::HEADER_LENGTH, 0)).is_none());
    assert!(salvage(file.clone().put32(116, u32::MAX)).is_none());
    assert!(salvage(file.clone().put32(at::VERSION, 4)).is_none());
    assert!(salvage(&file[..100]).is_none());
    assert!(salvage(file.put(0, b"no")).is_none());
    // Bytes that stop before the name.
    let file = overlay(b"base", Some(b"raw"));
    let error = Header::parse(b"").unwrap_err();
    assert!(Salvage::of(&file[..520], file.len() as u64, error).is_none());
}
