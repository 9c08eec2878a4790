//! What `info` prints for people.

use std::io::{self, Write};

use diskdag_qcow2::CryptMethod;
use diskdag_qcow2::info::Info;
use serde_json::Value;

use crate::escape;
use crate::output::Output;
use crate::text::{self, size};

pub(super) fn write(info: &Info, object: &Value, out: &mut Output) -> io::Result<()> {
    let long = |bytes: u64| format!("{} ({bytes} bytes)", size(bytes));
    let (name, header) = (escape::path(info.path()), info.header());
    writeln!(out, "image: {name}")?;
    writeln!(out, "file format: {}", info.format())?;
    match info.virtual_size() {
        Some(size) => writeln!(out, "virtual size: {}", long(size))?,
        None => writeln!(out, "virtual size: not known here")?,
    }
    writeln!(out, "disk size: {}", size(info.stat().allocated))?;
    if let Some(header) = header {
        if header.crypt_method() != CryptMethod::None {
            writeln!(out, "encrypted: yes")?;
        }
        writeln!(out, "cluster_size: {}", header.cluster_size())?;
        if header.features().is_dirty() {
            writeln!(out, "cleanly shut down: no")?;
        }
        if let (Some(backing), Some(full)) = (info.backing_name(), info.full_backing_name()) {
            let actual = match full == backing {
                true => String::new(),
                false => format!(" (actual path: {})", escape::name(&full)),
            };
            writeln!(out, "backing file: {}{actual}", escape::name(backing))?;
            if let Some(format) = header.backing_format() {
                writeln!(out, "backing file format: {}", escape::name(format))?;
            }
        }
        snapshots(&object["snapshots"], out)?;
        writeln!(out, "Format specific information:")?;
        tree(&object["format-specific"]["data"], 4, out)?;
    }
    writeln!(out, "Child node '/file':")?;
    writeln!(out, "    filename: {name}")?;
    writeln!(out, "    protocol type: file")?;
    writeln!(out, "    file length: {}", long(info.file_length()))?;
    writeln!(out, "    disk size: {}", size(info.stat().allocated))
}

fn snapshots(list: &Value, out: &mut Output) -> io::Result<()> {
    let Some(list) = list.as_array() else { return Ok(()) };
    writeln!(out, "Snapshot list:")?;
    writeln!(
        out,
        "{:<7} {:<16} {:>10} {:>20} {:>16} {:>10}",
        "ID", "TAG", "VM_SIZE", "DATE", "VM_CLOCK", "ICOUNT"
    )?;
    for entry in list {
        let number = |key: &str| entry[key].as_u64().unwrap_or_default();
        let name = |key: &str| escape::name(entry[key].as_str().unwrap_or_default().as_bytes());
        let clock = number("vm-clock-sec");
        let clock = format!(
            "{:04}:{:02}:{:02}.{:03}",
            clock / 3600,
            clock / 60 % 60,
            clock % 60,
            number("vm-clock-nsec") / 1_000_000
        );
        writeln!(
            out,
            "{:<7} {:<16} {:>10} {:>20} {clock:>16} {:>10}",
            name("id"),
            name("name"),
            size(number("vm-state-size")),
            text::time(number("date-sec")),
            entry["icount"].as_u64().map(|count| count.to_string()).unwrap_or_default(),
        )?;
    }
    Ok(())
}

/// An object or a list, a line each, what lies in it further to the right.
fn tree(value: &Value, indent: usize, out: &mut Output) -> io::Result<()> {
    let entries: Vec<(String, &Value)> = match value {
        Value::Object(object) => {
            object.iter().map(|(key, value)| (key.replace('-', " "), value)).collect()
        }
        Value::Array(list) => {
            list.iter().enumerate().map(|(at, value)| (format!("[{at}]"), value)).collect()
        }
        _ => return Ok(()),
    };
    for (key, value) in entries {
        match value {
            Value::Object(_) | Value::Array(_) => {
                writeln!(out, "{:indent$}{key}:", "")?;
                tree(value, indent + 4, out)?;
            }
            Value::String(text) => {
                writeln!(out, "{:indent$}{key}: {}", "", escape::name(text.as_bytes()))?;
            }
            other => writeln!(out, "{:indent$}{key}: {other}", "")?,
        }
    }
    Ok(())
}
