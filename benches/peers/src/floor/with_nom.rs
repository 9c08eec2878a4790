//! The header parsed with nom, as nom's documentation would have it: field by field, then the
//! extensions one by one. The limits are those of the parser by hand.

use super::by_hand::{Fields, Found};
use nom::bytes::complete::{tag, take};
use nom::number::complete::{be_u8, be_u32, be_u64};
use nom::{IResult, Parser};

/// Parses the beginning of a qcow2 file, `None` if it is not one or not a valid one.
pub(crate) fn parse(bytes: &[u8]) -> Option<Found<'_>> {
    header(bytes).ok().and_then(|(_, found)| found)
}

fn extension(input: &[u8]) -> IResult<&[u8], (u32, &[u8])> {
    let (rest, (kind, len)) = (be_u32, be_u32).parse(input)?;
    let (rest, data) = take(len)(rest)?;
    let padded: IResult<&[u8], &[u8]> = take((8 - len % 8) % 8)(rest);
    Ok((padded.map_or(&[], |(rest, _)| rest), (kind, data)))
}

fn header(bytes: &[u8]) -> IResult<&[u8], Option<Found<'_>>> {
    let (rest, _) = tag(b"QFI\xfb".as_slice())(bytes)?;
    let (rest, (version, backing_offset, backing_len)) = (be_u32, be_u64, be_u32).parse(rest)?;
    let (rest, (cluster_bits, virtual_size)) = (be_u32, be_u64).parse(rest)?;
    let (rest, (crypt_method, l1_size, l1_offset)) = (be_u32, be_u32, be_u64).parse(rest)?;
    let (rest, (refcounts_offset, refcount_clusters)) = (be_u64, be_u32).parse(rest)?;
    let (rest, (snapshots, snapshots_offset)) = (be_u32, be_u64).parse(rest)?;
    let (rest, (incompatible, refcount_order, header_length)) = match version {
        2 => (rest, (0, 4, 72)),
        _ => {
            let (rest, (incompatible, _, _)) = (be_u64, be_u64, be_u64).parse(rest)?;
            let (rest, (order, length)) = (be_u32, be_u32).parse(rest)?;
            (rest, (incompatible, order, length))
        }
    };
    let (rest, compression) = if header_length > 104 { be_u8(rest)? } else { (rest, 0) };
    let fields = Fields {
        version,
        backing_offset,
        backing_len,
        cluster_bits,
        virtual_size,
        crypt_method,
        l1_size,
        l1_offset,
        refcounts_offset,
        refcount_clusters,
        snapshots,
        snapshots_offset,
        incompatible,
        refcount_order,
        header_length,
        compression,
    };
    if !fields.are_valid() {
        return Ok((rest, None));
    }

    let (_, cluster) = take(bytes.len().min(1 << cluster_bits))(bytes)?;
    let (backing_name, area) = match backing_offset {
        0 => (None, cluster),
        offset => {
            let (name, area) = take(offset)(cluster)?;
            let (_, name) = take(backing_len)(name)?;
            (Some(name), area)
        }
    };
    let (mut area, _) = take(header_length)(area)?;
    let mut backing_format = None;
    while area.len() >= 8 {
        let (rest, (kind, data)) = extension(area)?;
        match kind {
            0 => break,
            0xE279_2ACA if data.len() > 15 || backing_format.is_some() => return Ok((rest, None)),
            0xE279_2ACA => backing_format = Some(data),
            _ => {}
        }
        area = rest;
    }
    Ok((rest, Some(Found { virtual_size, cluster_bits, backing_name, backing_format })))
}
