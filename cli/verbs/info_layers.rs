//! What `info` describes: one image, or with `--backing-chain` everything that QEMU would open.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use diskdag_qcow2::open::{OpenError, ReadError, Stat, open_image, read_header};
use diskdag_qcow2::{ErrorKind, Header, JsonReference, Reference, Target};

use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;

/// One image, open and read.
pub(crate) struct Layer {
    /// As it was typed, or as QEMU would build it from the name in the layer above.
    pub(crate) path: PathBuf,
    pub(crate) stat: Stat,
    /// Its first bytes, if it is qcow2.
    header: Option<Vec<u8>>,
}

impl Layer {
    pub(crate) fn header(&self) -> Option<Header<'_>> {
        Header::parse_prefix(self.header.as_ref()?, self.stat.len).ok()
    }

    fn open(path: &Path, declared: Option<&[u8]>) -> Result<Self, Failure> {
        let opened = open_image(path).map_err(|error| not_opened(path, &error))?;
        let mut layer = Self { path: path.to_owned(), stat: opened.stat, header: None };
        match declared {
            None | Some(b"qcow2") => {}
            Some(b"raw" | b"file" | b"host_device") => return Ok(layer),
            Some(other) => {
                let message =
                    format!("declared as {}, which is not read here", escape::name(other));
                return Err(refused(path, "unsupported", &message));
            }
        }
        let mut buffer = Vec::new();
        match read_header(&opened.file, layer.stat.len, &mut buffer) {
            Ok(_) => layer.header = Some(buffer),
            Err(ReadError::Format(error))
                if declared.is_none() && matches!(error.kind, ErrorKind::NotQcow2 { .. }) => {}
            Err(error) => return Err(refused(path, "header", &causes(&error))),
        }
        Ok(layer)
    }
}

/// The image alone.
pub(crate) fn one(image: &Path) -> Result<Vec<Layer>, Failure> {
    Ok(vec![Layer::open(image, None)?])
}

/// The image and its backing files, top first, by the names that QEMU would open: relative to the
/// layer above, or to the working directory where QEMU does so. Like qemu-img, this has nothing to
/// say of a chain that it cannot follow to its end; `diskdag chain` has.
pub(crate) fn all(image: &Path) -> Result<Vec<Layer>, Failure> {
    let mut layers = one(image)?;
    let mut seen = HashSet::new();
    while let Some(layer) = layers.last() {
        if !seen.insert((layer.stat.device, layer.stat.inode)) {
            return Err(refused(&layer.path, "cycle", "its chain is a cycle"));
        }
        let Some((path, declared)) = below(layer)? else { break };
        let next = Layer::open(&path, declared.as_deref())?;
        layers.push(next);
    }
    Ok(layers)
}

/// Path and declared format of the next layer, if there is one.
fn below(layer: &Layer) -> Result<Option<(PathBuf, Option<Vec<u8>>)>, Failure> {
    let Some(header) = layer.header() else { return Ok(None) };
    let Some(name) = header.backing_name() else { return Ok(None) };
    let declared = header.backing_format().map(<[u8]>::to_vec);
    let (path, declared) = match Reference::classify(name) {
        Reference::Relative(_) => (full_name(&layer.path, name), declared),
        Reference::Absolute(path) => (path.to_vec(), declared),
        Reference::File(path) => (path.into_owned(), declared),
        Reference::Json(JsonReference::File { path, format }) => {
            (path.to_vec(), declared.or(format.map(|format| format.to_vec())))
        }
        _ => {
            let message = format!("its backing file is no file here: {}", escape::name(name));
            return Err(refused(&layer.path, "reference", &message));
        }
    };
    Ok(Some((OsStr::from_bytes(&path).into(), declared)))
}

/// The backing file's name, joined to the directory of the image where it is relative to it.
pub(crate) fn full_name(image: &Path, name: &[u8]) -> Vec<u8> {
    let image = image.as_os_str().as_encoded_bytes();
    let directory = image.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    let reference = Reference::classify(name);
    match (&reference, reference.target(image.get(..directory).unwrap_or_default())) {
        (Reference::Relative(_), Target::Path { path, .. }) => path.into_owned(),
        _ => name.to_vec(),
    }
}

fn not_opened(image: &Path, error: &OpenError) -> Failure {
    let kind = match error {
        OpenError::NotFound => "not-found",
        OpenError::NotRegularFile(_) => "not-a-file",
        OpenError::RefusedFilesystem { .. } => "refused",
        _ => "io",
    };
    refused(image, kind, &causes(error))
}

fn causes(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}")
}

/// qemu-img knows one code for everything that fails.
fn refused(image: &Path, kind: &'static str, message: &str) -> Failure {
    let message = format!("{}: {message}", escape::path(image));
    Failure::new(Exit::Failed, kind, escape::words(&message))
}
