//! A header read by hand, slowly, straight from the specification: what the parser is compared with.
//!
//! It shares no code, no structure and no order with the parser. Bytes beyond the file read as zeros.

/// What a valid header says.
#[derive(Debug, PartialEq, Eq)]
pub struct Facts {
    pub version: u128,
    pub cluster_bits: u128,
    pub size: u128,
    pub crypt_method: u128,
    pub refcount_bits: u128,
    pub zstd: bool,
    pub unknown_incompatible: u128,
    pub backing_name: Option<Vec<u8>>,
    pub backing_format: Option<Vec<u8>>,
    pub data_file_name: Option<Vec<u8>>,
    pub extensions: Vec<(u128, Vec<u8>)>,
}

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn int(&self, at: u128, width: u128) -> u128 {
        (at..at + width).fold(0, |value, at| {
            let byte = usize::try_from(at).ok().and_then(|at| self.0.get(at)).copied();
            value << 8 | u128::from(byte.unwrap_or(0))
        })
    }

    /// `None` if the file doesn't hold all of it.
    fn slice(&self, at: u128, length: u128) -> Option<Vec<u8>> {
        if length == 0 {
            return Some(Vec::new());
        }
        let (from, to) = (usize::try_from(at).ok()?, usize::try_from(at + length).ok()?);
        self.0.get(from..to).map(<[u8]>::to_vec)
    }

    fn len(&self) -> u128 {
        self.0.len() as u128
    }
}

fn only<T: Clone>(all: &[T]) -> Option<Option<T>> {
    match all {
        [] => Some(None),
        [one] => Some(Some(one.clone())),
        _ => None,
    }
}

/// `None` if the header is not valid.
pub fn read(file: &[u8]) -> Option<Facts> {
    let file = Bytes(file);
    let rule = |holds: bool| holds.then_some(());
    rule(file.len() >= 72 && file.int(0, 4) == 0x5146_49fb)?;
    let version = file.int(4, 4);
    rule(version == 2 || version == 3)?;
    let v3 = version == 3;
    rule(!v3 || file.len() >= 104)?;
    let cluster_bits = file.int(20, 4);
    rule((9..=21).contains(&cluster_bits))?;
    let cluster = 1_u128 << cluster_bits;
    let header_length = if v3 { file.int(100, 4) } else { 72 };
    rule(header_length <= cluster && (!v3 || header_length >= 104))?;
    let incompatible = if v3 { file.int(72, 8) } else { 0 };
    let autoclear = if v3 { file.int(88, 8) } else { 0 };
    let order = if v3 { file.int(96, 4) } else { 4 };
    rule(order <= 6)?;
    let compression = if header_length > 104 { file.int(104, 1) } else { 0 };
    rule(compression <= 1 && (compression == 1) == (incompatible & 8 != 0))?;
    let extended = incompatible & 16 != 0;
    rule(!extended || cluster / 32 >= 512)?;

    let (name_at, name_length) = (file.int(8, 8), file.int(16, 4));
    rule(name_at <= cluster)?;
    let backing_name = if name_at == 0 || name_length == 0 {
        None
    } else {
        rule(name_length <= 1023 && name_at + name_length <= cluster && name_at >= header_length)?;
        Some(file.slice(name_at, name_length)?)
    };

    let mut extensions = Vec::new();
    let end = if name_at == 0 { cluster } else { name_at };
    let mut at = header_length;
    while at < end {
        let (kind, length) = (file.int(at, 4), file.int(at + 4, 4));
        rule(at + 8 + length <= end)?;
        if kind == 0 {
            break;
        }
        extensions.push((kind, at + 8, length));
        at += 8 + length.div_ceil(8) * 8;
    }
    for (_, at, length) in &extensions {
        file.slice(*at, *length)?;
    }
    let find = |wanted: u128| -> Option<Option<(u128, u128)>> {
        let all: Vec<_> = extensions.iter().filter(|e| e.0 == wanted).map(|e| (e.1, e.2)).collect();
        only(&all)
    };
    let text = |place: Option<(u128, u128)>| place.and_then(|(at, length)| file.slice(at, length));
    let backing_format = text(find(0xe279_2aca)?);
    rule(backing_format.as_ref().is_none_or(|format| format.len() <= 15))?;
    let data_file_name = text(find(0x4441_5441)?);
    let external = incompatible & 4 != 0;
    rule(!external || data_file_name.is_some())?;
    find(0x6803_f857)?;
    if let Some((at, length)) = find(0x2385_2875)? {
        rule(length == 24)?;
        if autoclear & 1 != 0 {
            rule((1..=65_535).contains(&file.int(at, 4)) && file.int(at + 4, 4) == 0)?;
            rule(file.int(at + 8, 8) <= 67_107_840 && file.int(at + 16, 8) % cluster == 0)?;
        }
    }
    let crypt_method = file.int(32, 4);
    rule(crypt_method <= 2)?;
    match find(0x0537_be77)? {
        Some((at, length)) => {
            rule(crypt_method == 2 && length == 16 && file.int(at, 8) % cluster == 0)?;
        }
        None => rule(crypt_method != 2)?,
    }

    let place = |at: u128, length: u128| {
        let offset = file.int(at, 8);
        rule(offset % cluster == 0 && offset + length < 1 << 63)
    };
    let (size, l1_size) = (file.int(24, 8), file.int(36, 4));
    rule(size < 1 << 63 && l1_size <= 4 << 20)?;
    place(40, l1_size * 8)?;
    let per_entry = cluster * (cluster / if extended { 16 } else { 8 });
    rule(size.div_ceil(per_entry) <= l1_size)?;
    let table = file.int(56, 4) * cluster;
    rule(table <= 8 << 20)?;
    place(48, table)?;
    let snapshots = file.int(60, 4);
    rule(snapshots <= 65_536)?;
    if snapshots > 0 {
        place(64, snapshots * 40)?;
    }
    Some(Facts {
        version,
        cluster_bits,
        size,
        crypt_method,
        refcount_bits: 1 << order,
        zstd: compression == 1,
        unknown_incompatible: incompatible & !31,
        backing_name,
        backing_format,
        data_file_name: data_file_name.filter(|_| external),
        extensions: extensions
            .iter()
            .filter_map(|(kind, at, length)| Some((*kind, file.slice(*at, *length)?)))
            .collect(),
    })
}
