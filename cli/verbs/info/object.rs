//! The object of `qemu-img info --output=json`.

use diskdag_qcow2::info::{Info, LuksCipher};
use diskdag_qcow2::{CryptMethod, Header};
use serde_json::{Map, Value, json};

use super::{listed_bitmaps, listed_snapshots};
use crate::escape;

/// An object from keys and values, some of which may not be there.
fn object<const N: usize>(entries: [(&str, Option<Value>); N]) -> Value {
    let there = entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(there.collect::<Map<_, _>>())
}

/// A name as JSON can hold it; qemu-img is lossy too. One that no path can have is cut.
fn text(bytes: &[u8]) -> Value {
    Value::String(String::from_utf8_lossy(escape::cut(bytes)).into_owned())
}

pub(super) fn of(info: &Info) -> Value {
    let filename = text(info.path().as_os_str().as_encoded_bytes());
    let (stat, header) = (info.stat(), info.header());
    let child = json!({
        "name": "file",
        "info": {
            "children": [],
            "virtual-size": info.file_length(),
            "filename": filename,
            "format": "file",
            "actual-size": stat.allocated,
            "format-specific": {"type": "file", "data": {}},
            "dirty-flag": false,
        },
    });
    let header = header.as_ref();
    let overlay = header.filter(|header| header.backing_name().is_some());
    let is_encrypted = header.is_some_and(|header| header.crypt_method() != CryptMethod::None);
    let specific = header.map(|header| json!({"type": "qcow2", "data": specific(info, header)}));
    object([
        ("children", Some(json!([child]))),
        ("backing-filename-format", overlay.and_then(Header::backing_format).map(text)),
        ("snapshots", snapshots(info)),
        ("virtual-size", info.virtual_size().map(Value::from)),
        ("filename", Some(filename)),
        ("cluster-size", header.map(|header| json!(header.cluster_size()))),
        ("format", Some(json!(info.format()))),
        ("actual-size", Some(json!(stat.allocated))),
        ("format-specific", specific),
        ("full-backing-filename", info.full_backing_name().map(|name| text(&name))),
        ("backing-filename", info.backing_name().map(text)),
        ("encrypted", is_encrypted.then_some(json!(true))),
        ("dirty-flag", Some(json!(header.is_some_and(|header| header.features().is_dirty())))),
    ])
}

/// The internal snapshots; QEMU cuts ids to 127 bytes and names to 255, and both at a NUL.
fn snapshots(info: &Info) -> Option<Value> {
    const SECOND: u64 = 1_000_000_000;
    let cut = |bytes: &[u8], most: usize| {
        let bytes = bytes.get(..most).unwrap_or(bytes);
        text(bytes.split(|byte| *byte == 0).next().unwrap_or_default())
    };
    let entries = listed_snapshots(info).map(|snapshot| {
        object([
            ("icount", snapshot.icount.map(Value::from)),
            ("vm-clock-nsec", Some(json!(snapshot.vm_clock_nsec % SECOND))),
            ("name", Some(cut(snapshot.name, 255))),
            ("date-sec", Some(json!(snapshot.date_sec))),
            ("date-nsec", Some(json!(snapshot.date_nsec))),
            ("vm-clock-sec", Some(json!(snapshot.vm_clock_nsec / SECOND))),
            ("id", Some(cut(snapshot.id, 127))),
            ("vm-state-size", Some(json!(snapshot.vm_state_size))),
        ])
    });
    let entries: Vec<Value> = entries.collect();
    (!entries.is_empty()).then_some(Value::Array(entries))
}

fn specific(info: &Info, header: &Header<'_>) -> Value {
    let features = header.features();
    let v3 = |value: bool| (header.version() >= 3).then_some(json!(value));
    let data_file = features.has_data_file();
    object([
        ("compat", Some(json!(if header.version() >= 3 { "1.1" } else { "0.10" }))),
        ("compression-type", Some(json!(header.compression().to_string()))),
        ("lazy-refcounts", v3(features.lazy_refcounts())),
        ("refcount-bits", Some(json!(header.refcount_bits()))),
        ("data-file", header.data_file_name().map(text)),
        ("data-file-raw", data_file.then_some(json!(features.raw_external_data()))),
        ("bitmaps", bitmaps(info)),
        ("encrypt", encrypt(info, header)),
        ("corrupt", v3(features.is_corrupt())),
        ("extended-l2", v3(features.extended_l2())),
    ])
}

fn bitmaps(info: &Info) -> Option<Value> {
    let entries = listed_bitmaps(info).map(|bitmap| {
        let flags = [(bitmap.in_use(), "in-use"), (bitmap.auto(), "auto")];
        let flags = flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, name)| name);
        json!({
            "flags": flags.collect::<Vec<_>>(),
            "name": text(bitmap.name),
            "granularity": bitmap.granularity(),
        })
    });
    let entries: Vec<Value> = entries.collect();
    (!entries.is_empty()).then_some(Value::Array(entries))
}

fn encrypt(info: &Info, header: &Header<'_>) -> Option<Value> {
    let format = match header.crypt_method() {
        CryptMethod::None => return None,
        method => json!(method.to_string()),
    };
    let Some(luks) = info.luks() else { return Some(json!({"format": format})) };
    let cipher = LuksCipher::of(&luks);
    let slots = luks.key_slots().map(|slot| {
        object([
            ("active", Some(json!(slot.active))),
            ("iters", slot.active.then_some(json!(slot.iterations))),
            ("key-offset", Some(json!(slot.key_offset))),
            ("stripes", slot.active.then_some(json!(slot.stripes))),
        ])
    });
    Some(object([
        ("ivgen-alg", Some(json!(cipher.ivgen))),
        ("ivgen-hash-alg", cipher.ivgen_hash.map(Value::from)),
        ("detached-header", Some(json!(false))),
        ("hash-alg", Some(json!(cipher.hash))),
        ("cipher-alg", Some(json!(cipher.algorithm))),
        ("uuid", Some(text(luks.uuid()))),
        ("format", Some(format)),
        ("cipher-mode", Some(json!(cipher.mode))),
        ("slots", Some(Value::Array(slots.collect()))),
        ("payload-offset", Some(json!(luks.payload_offset()))),
        ("master-key-iters", Some(json!(luks.master_key_iterations()))),
    ]))
}
