//! `info`: what the header of an image says, in qemu-img's words.

use std::io::{self, Write};
use std::path::Path;

use diskdag_qcow2::open::Stat;
use diskdag_qcow2::{CryptMethod, FeatureKind, Header, Obstacle};
use serde_json::{Map, Value, json};

use crate::args;
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::text::size;
use crate::verbs::info_layers::{self, full_name};

pub(crate) fn run(args: &args::Info, out: &mut Output) -> Result<Exit, Failure> {
    let layers = match args.backing_chain {
        true => info_layers::all(&args.image)?,
        false => info_layers::one(&args.image)?,
    };
    let objects: Vec<Value> = layers
        .iter()
        .map(|layer| describe(&layer.path, &layer.stat, layer.header().as_ref()))
        .collect();
    if !out.json {
        for (number, (layer, object)) in layers.iter().zip(&objects).enumerate() {
            if number > 0 {
                writeln!(out)?;
            }
            print_text(&layer.path, object, layer.header().as_ref(), out)?;
        }
    } else if args.backing_chain {
        writeln!(out, "{:#}", Value::from(objects))?;
    } else {
        for object in objects {
            writeln!(out, "{object:#}")?;
        }
    }
    let mut exit = Exit::Ok;
    for layer in &layers {
        if let Some(header) = layer.header() {
            exit = exit.or(remarks(&layer.path, &header, out));
        }
    }
    Ok(exit)
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

fn print_text(
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
