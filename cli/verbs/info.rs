//! `info`: what the header of an image says, in qemu-img's words.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use diskdag_qcow2::open::{OpenError, ReadError, Stat, open_image, read_header};
use diskdag_qcow2::{CryptMethod, ErrorKind, FeatureKind, Header, Obstacle, Reference, Target};
use serde_json::{Map, Value, json};

use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::text::size;

/// Where the next image of a chain is, and what the one above declares it to be.
struct Next {
    path: PathBuf,
    declared: Option<Vec<u8>>,
}

pub(crate) fn run(image: &Path, whole_chain: bool, out: &mut Output) -> Result<Exit, Failure> {
    let mut objects = Vec::new();
    let mut exit = Exit::Ok;
    let mut seen = HashSet::new();
    let mut next = Some(Next { path: image.to_owned(), declared: None });
    while let Some(Next { path, declared }) = next {
        let opened = open_image(&path).map_err(|error| not_opened(&path, &error))?;
        // By what it is: the name of a disk that refers to itself by way of `..` grows for ever.
        if !seen.insert((opened.stat.device, opened.stat.inode)) {
            let message = format!("{}: its chain never ends", escape::path(&path));
            return Err(Failure::new(Exit::Failed, "cycle", message));
        }
        let mut buffer = Vec::new();
        let header = match declared.as_deref() {
            Some(b"raw" | b"file" | b"host_device") => None,
            None | Some(b"qcow2") => {
                match read_header(&opened.file, opened.stat.len, &mut buffer) {
                    Ok(header) => Some(header),
                    // What claims to be qcow2 and is not is never a raw disk.
                    Err(ReadError::Format(error))
                        if declared.is_none()
                            && matches!(error.kind, ErrorKind::NotQcow2 { .. }) =>
                    {
                        None
                    }
                    Err(error) => return Err(refused(&path, "header", &error)),
                }
            }
            Some(other) => {
                let format = escape::name(other);
                let message = format!("{}: declared {format}, not read here", escape::path(&path));
                return Err(Failure::new(Exit::Failed, "format", message));
            }
        };
        let object = describe(&path, &opened.stat, header.as_ref());
        if !out.json {
            if !objects.is_empty() {
                writeln!(out)?;
            }
            text(&path, &object, header.as_ref(), out)?;
        }
        objects.push(object);
        exit = header.map_or(exit, |header| exit.or(remarks(&path, &header, out)));
        next = match header.filter(|_| whole_chain) {
            Some(header) => below(&path, &header)?,
            None => None,
        };
    }
    if out.json {
        let answer = if whole_chain { Value::Array(objects) } else { objects.remove(0) };
        writeln!(out, "{answer:#}")?;
    }
    Ok(exit)
}

/// The backing file of an image, under the name that QEMU would open.
fn below(image: &Path, header: &Header<'_>) -> Result<Option<Next>, Failure> {
    let Some(name) = header.backing_name() else { return Ok(None) };
    let reference = Reference::classify(name);
    let Target::Path { path, .. } = reference.target(directory(image)) else {
        let message = format!(
            "{}: its backing file is no file of this host: {}",
            escape::path(image),
            escape::name(name)
        );
        return Err(Failure::new(Exit::Failed, "backing-file", message));
    };
    let declared = header.backing_format().map(<[u8]>::to_vec);
    Ok(Some(Next { path: OsStr::from_bytes(&path).into(), declared }))
}

/// Everything up to the last slash of the path as it was given.
fn directory(image: &Path) -> &[u8] {
    let image = image.as_os_str().as_encoded_bytes();
    let length = image.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    image.get(..length).unwrap_or_default()
}

/// What is not in the object; and the exit code, which is 1 where QEMU refuses the image.
fn remarks(image: &Path, header: &Header<'_>, out: &mut Output) -> Exit {
    let path = escape::path(image);
    if header.snapshot_count() > 0 {
        out.notice(format!(
            "{path} has {} internal snapshots; they are not listed",
            header.snapshot_count()
        ));
    }
    if let Some(bitmaps) = header.bitmaps() {
        out.notice(format!("{path} has {} bitmaps; they are not listed", bitmaps.count));
    }
    let mut exit = Exit::Ok;
    for obstacle in header.obstacles() {
        if let Obstacle::UnknownIncompatible(bits) = obstacle {
            let names = (0..64_u8).filter(|bit| bits >> bit & 1 == 1).map(|bit| {
                let name = header.feature_name(FeatureKind::Incompatible, bit);
                name.map_or_else(|| format!("bit {bit}"), escape::name)
            });
            let names: Vec<String> = names.collect();
            out.notice(format!(
                "{path} cannot be opened by QEMU: it uses features unknown here: {}",
                names.join(", ")
            ));
            exit = Exit::Failed;
        }
    }
    exit
}

pub(super) fn not_opened(image: &Path, error: &OpenError) -> Failure {
    let kind = match error {
        OpenError::NotFound => "not-found",
        OpenError::NotRegularFile(_) => "not-a-file",
        OpenError::RefusedFilesystem { .. } => "refused",
        _ => "io",
    };
    refused(image, kind, error)
}

/// qemu-img knows one code for everything that fails.
fn refused(image: &Path, kind: &'static str, error: &dyn std::error::Error) -> Failure {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    let message = format!("{}: {error}{cause}", escape::path(image));
    Failure::new(Exit::Failed, kind, escape::words(&message))
}

/// The object of `qemu-img info --output=json`.
fn describe(image: &Path, stat: &Stat, header: Option<&Header<'_>>) -> Value {
    let filename = image.to_string_lossy();
    // QEMU counts files in sectors.
    let length = stat.len.next_multiple_of(512);
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| {
        object.insert(key.to_owned(), value);
    };
    let child = json!({
        "name": "file",
        "info": {
            "children": [],
            "virtual-size": length,
            "filename": filename,
            "format": "file",
            "actual-size": stat.allocated,
            "format-specific": {"type": "file", "data": {}},
            "dirty-flag": false,
        },
    });
    put("children", json!([child]));
    let overlay = header.filter(|header| header.backing_name().is_some());
    if let Some(format) = overlay.and_then(Header::backing_format) {
        put("backing-filename-format", json!(String::from_utf8_lossy(format)));
    }
    // A tail of less than a sector is dropped.
    let sectors = header.map(|header| header.virtual_size() / 512 * 512);
    put("virtual-size", json!(sectors.unwrap_or(length)));
    put("filename", json!(filename));
    if let Some(header) = header {
        put("cluster-size", json!(header.cluster_size()));
    }
    put("format", json!(if header.is_some() { "qcow2" } else { "raw" }));
    put("actual-size", json!(stat.allocated));
    if let Some(header) = header {
        put("format-specific", json!({"type": "qcow2", "data": specific(header)}));
        if let Some(name) = header.backing_name() {
            put("full-backing-filename", json!(String::from_utf8_lossy(&full_name(image, name))));
            put("backing-filename", json!(String::from_utf8_lossy(name)));
        }
        if header.crypt_method() != CryptMethod::None {
            put("encrypted", json!(true));
        }
    }
    put("dirty-flag", json!(header.is_some_and(|header| header.features().is_dirty())));
    object.into()
}

fn specific(header: &Header<'_>) -> Value {
    let features = header.features();
    let is_v3 = header.version() >= 3;
    let mut data = Map::new();
    let mut put = |key: &str, value: Value| {
        data.insert(key.to_owned(), value);
    };
    put("compat", json!(if is_v3 { "1.1" } else { "0.10" }));
    put("compression-type", json!(header.compression().to_string()));
    if is_v3 {
        put("lazy-refcounts", json!(features.lazy_refcounts()));
    }
    put("refcount-bits", json!(header.refcount_bits()));
    if features.has_data_file() {
        if let Some(name) = header.data_file_name() {
            put("data-file", json!(String::from_utf8_lossy(name)));
        }
        put("data-file-raw", json!(features.raw_external_data()));
    }
    if header.crypt_method() != CryptMethod::None {
        put("encrypt", json!({"format": header.crypt_method().to_string()}));
    }
    if is_v3 {
        put("corrupt", json!(features.is_corrupt()));
        put("extended-l2", json!(features.extended_l2()));
    }
    data.into()
}

/// The backing file's name, joined to the directory of the image where it is relative to it.
fn full_name(image: &Path, name: &[u8]) -> Vec<u8> {
    let reference = Reference::classify(name);
    match (&reference, reference.target(directory(image))) {
        (Reference::Relative(_), Target::Path { path, .. }) => path.into_owned(),
        _ => name.to_vec(),
    }
}

fn text(
    image: &Path,
    object: &Value,
    header: Option<&Header<'_>>,
    out: &mut Output,
) -> io::Result<()> {
    let bytes = |value: &Value| value.as_u64().unwrap_or_default();
    let long = |value: &Value| format!("{} ({} bytes)", size(bytes(value)), bytes(value));
    let name = escape::path(image);
    writeln!(out, "image: {name}")?;
    writeln!(out, "file format: {}", if header.is_some() { "qcow2" } else { "raw" })?;
    writeln!(out, "virtual size: {}", long(&object["virtual-size"]))?;
    writeln!(out, "disk size: {}", size(bytes(&object["actual-size"])))?;
    if let Some(header) = header {
        if header.crypt_method() != CryptMethod::None {
            writeln!(out, "encrypted: yes")?;
        }
        writeln!(out, "cluster_size: {}", header.cluster_size())?;
        if header.features().is_dirty() {
            writeln!(out, "cleanly shut down: no")?;
        }
        if let Some(backing) = header.backing_name() {
            let full = full_name(image, backing);
            let actual = match full == backing {
                true => String::new(),
                false => format!(" (actual path: {})", escape::name(&full)),
            };
            writeln!(out, "backing file: {}{actual}", escape::name(backing))?;
            if let Some(format) = header.backing_format() {
                writeln!(out, "backing file format: {}", escape::name(format))?;
            }
        }
        writeln!(out, "Format specific information:")?;
        let data = object["format-specific"]["data"].as_object();
        for (key, value) in data.into_iter().flatten() {
            let key = key.replace('-', " ");
            match value {
                Value::String(text) => {
                    writeln!(out, "    {key}: {}", escape::name(text.as_bytes()))?
                }
                Value::Object(inner) => {
                    writeln!(out, "    {key}:")?;
                    for (key, value) in inner {
                        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                        writeln!(
                            out,
                            "        {}: {}",
                            key.replace('-', " "),
                            escape::words(&text)
                        )?;
                    }
                }
                other => writeln!(out, "    {key}: {other}")?,
            }
        }
    }
    let child = &object["children"][0]["info"];
    writeln!(out, "Child node '/file':")?;
    writeln!(out, "    filename: {name}")?;
    writeln!(out, "    protocol type: file")?;
    writeln!(out, "    file length: {}", long(&child["virtual-size"]))?;
    writeln!(out, "    disk size: {}", size(bytes(&child["actual-size"])))
}
