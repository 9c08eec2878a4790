//! Bytes as JSON holds them: text where they are UTF-8, base64 where they are not.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes of a name or a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Form", into = "Form")]
pub struct Bytes(pub Vec<u8>);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form {
    Text(String),
    Other {
        #[serde(with = "encoded")]
        base64: Vec<u8>,
    },
}

impl From<Bytes> for Form {
    fn from(Bytes(bytes): Bytes) -> Self {
        String::from_utf8(bytes)
            .map_or_else(|error| Self::Other { base64: error.into_bytes() }, Self::Text)
    }
}

impl From<Form> for Bytes {
    fn from(form: Form) -> Self {
        match form {
            Form::Text(text) => Self(text.into_bytes()),
            Form::Other { base64 } => Self(base64),
        }
    }
}

mod encoded {
    use super::{Deserialize, Deserializer, Engine, STANDARD, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD.decode(text).map_err(serde::de::Error::custom)
    }
}

/// For `#[serde(with = "path")]`: a path of any bytes.
pub(crate) mod path {
    use super::{Bytes, Deserialize, Deserializer, OsStrExt, OsString, OsStringExt, Path, PathBuf};
    use serde::{Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
        Bytes(path.as_os_str().as_bytes().to_vec()).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
        Bytes::deserialize(from).map(|Bytes(bytes)| OsString::from_vec(bytes).into())
    }
}

/// For `#[serde(with = "paths")]`: a list of them.
pub(crate) mod paths {
    use super::{Bytes, Deserialize, Deserializer, OsStrExt, OsString, OsStringExt, PathBuf};
    use serde::{Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(paths: &[PathBuf], to: S) -> Result<S::Ok, S::Error> {
        let bytes = paths.iter().map(|path| Bytes(path.as_os_str().as_bytes().to_vec()));
        bytes.collect::<Vec<_>>().serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<PathBuf>, D::Error> {
        let paths = Vec::<Bytes>::deserialize(from)?;
        Ok(paths.into_iter().map(|Bytes(bytes)| OsString::from_vec(bytes).into()).collect())
    }
}
