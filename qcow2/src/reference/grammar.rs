//! QEMU's dialect of JSON (`qobject/json-lexer.c`, `json-parser.c`): RFC 8259, and strings in single quotes
//! as well. Stricter in the depth that it follows, so that no text can exhaust the stack.
#![forbid(unsafe_code)]

use alloc::vec::Vec;

use nom::branch::alt;
use nom::bytes::complete::{tag, take, take_while, take_while_m_n, take_while1};
use nom::character::complete::{char, one_of};
use nom::combinator::{all_consuming, map_opt, opt, recognize, value as always};
use nom::multi::{fold_many0, separated_list0};
use nom::sequence::{delimited, preceded, separated_pair};
use nom::{IResult, Parser};

/// Objects and arrays may lie this deep in one another; libvirt and QEMU write 6 at most.
const DEPTH_MAX: usize = 32;

/// A JSON value, as far as it matters: which numbers and words there are does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    String(Vec<u8>),
    /// A number, `true`, `false` or `null`.
    Scalar,
    Array,
    Object(Vec<(Vec<u8>, Self)>),
}

type Parsed<'a, T> = IResult<&'a [u8], T, ()>;

/// The whole text, an object; `None` if QEMU would not parse it, or if it is nested too deep.
pub(super) fn object(text: &[u8]) -> Option<Vec<(Vec<u8>, Value)>> {
    let (_, found) = all_consuming(|input| value(input, DEPTH_MAX)).parse(text).ok()?;
    match found {
        Value::Object(members) => Some(members),
        _ => None,
    }
}

fn value(input: &[u8], depth: usize) -> Parsed<'_, Value> {
    let Some(below) = depth.checked_sub(1) else {
        return Err(nom::Err::Failure(()));
    };
    let element = |input| value(input, below);
    let member =
        |input| separated_pair(delimited(space, string, space), char(':'), element).parse(input);
    let list = |input| separated_list0(char(','), element).parse(input);
    let members = |input| separated_list0(char(','), member).parse(input);
    let content = alt((
        string.map(Value::String),
        delimited(char('{'), members, (space, char('}'))).map(Value::Object),
        always(Value::Array, delimited(char('['), list, (space, char(']')))),
        always(Value::Scalar, number),
        always(Value::Scalar, alt((tag("true"), tag("false"), tag("null")))),
    ));
    delimited(space, content, space).parse(input)
}

fn space(input: &[u8]) -> Parsed<'_, &[u8]> {
    take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).parse(input)
}

fn digits(input: &[u8]) -> Parsed<'_, &[u8]> {
    take_while1(|byte: u8| byte.is_ascii_digit()).parse(input)
}

fn number(input: &[u8]) -> Parsed<'_, &[u8]> {
    let integer = alt((tag("0"), digits));
    let fraction = opt((char('.'), digits));
    let exponent = opt((one_of("eE"), opt(one_of("+-")), digits));
    recognize((opt(char('-')), integer, fraction, exponent)).parse(input)
}

/// In double or in single quotes; the other quote needs no escape. UTF-8, as QEMU demands.
fn string(input: &[u8]) -> Parsed<'_, Vec<u8>> {
    let (input, quote) = alt((tag("\""), tag("'"))).parse(input)?;
    let plain = |input| {
        take_while1(|byte| byte >= 0x20 && byte != b'\\' && !quote.contains(&byte))
            .map(Piece::Plain)
            .parse(input)
    };
    let (input, bytes) = fold_many0(alt((plain, escape)), Vec::new, |mut bytes, piece| {
        match piece {
            Piece::Plain(plain) => bytes.extend_from_slice(plain),
            Piece::Char(char) => {
                bytes.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        bytes
    })
    .parse(input)?;
    let (input, _) = tag(quote).parse(input)?;
    match core::str::from_utf8(&bytes) {
        Ok(_) => Ok((input, bytes)),
        Err(_) => Err(nom::Err::Failure(())),
    }
}

enum Piece<'a> {
    Plain(&'a [u8]),
    Char(char),
}

fn escape(input: &[u8]) -> Parsed<'_, Piece<'_>> {
    let simple = map_opt(take(1_usize), |byte: &[u8]| {
        Some(match byte.first()? {
            b'"' => '"',
            b'\'' => '\'',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            _ => return None,
        })
    });
    preceded(char('\\'), alt((simple, pair, single))).map(Piece::Char).parse(input)
}

/// `uXXXX`
fn unit(input: &[u8]) -> Parsed<'_, u16> {
    let hex = take_while_m_n(4, 4, |byte: u8| byte.is_ascii_hexdigit());
    let number = map_opt(hex, |digits: &[u8]| {
        u16::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()
    });
    preceded(char('u'), number).parse(input)
}

fn single(input: &[u8]) -> Parsed<'_, char> {
    map_opt(unit, |unit| char::from_u32(unit.into())).parse(input)
}

/// Two halves of a character beyond the basic plane.
fn pair(input: &[u8]) -> Parsed<'_, char> {
    map_opt((unit, tag("\\"), unit), |(high, _, low)| {
        char::decode_utf16([high, low]).next()?.ok().filter(|char| char.len_utf16() == 2)
    })
    .parse(input)
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::{Value, object};

    fn string(text: &[u8]) -> Option<Vec<u8>> {
        match object(&[b"{'k':", text, b"}"].concat())?.pop()?.1 {
            Value::String(found) => Some(found),
            _ => None,
        }
    }

    #[test]
    fn strings_in_either_quote_with_escapes() {
        assert_eq!(string(br#""a'b""#), Some(b"a'b".to_vec()));
        assert_eq!(string(br#"'a"b'"#), Some(b"a\"b".to_vec()));
        assert_eq!(string(br#""\"\'\\\/\b\f\n\r\t""#), Some(b"\"'\\/\x08\x0c\n\r\t".to_vec()));
        assert_eq!(string(br#""\u0041\u00e9""#), Some("Aé".as_bytes().to_vec()));
        assert_eq!(string(br#""\uD83D\uDE00""#), Some("😀".as_bytes().to_vec()));
        assert_eq!(string(b"''"), Some(vec![]));
        for bad in [
            &br#""\uD83D""#[..],
            br#""\uDE00\uD83D""#,
            br#""\x41""#,
            b"\"\xff\"",
            b"\"a\nb\"",
            br#""open"#,
            br#""\u00g0""#,
        ] {
            assert_eq!(string(bad), None, "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn values_objects_and_arrays() {
        for good in [
            "{}",
            " { } ",
            "{'a':1}",
            "{'a':-1.5e+3,'b':[],'c':[1,{'d':null}],'e':{}}",
            "{\"a\" : true , \"b\":false}\n",
        ] {
            assert!(object(good.as_bytes()).is_some(), "{good}");
        }
        for bad in [
            "",
            "[]",
            "1",
            "'a'",
            "{",
            "{'a'}",
            "{'a':}",
            "{'a':1,}",
            "{a:1}",
            "{'a':01}",
            "{'a':1}x",
            "{'a':+1}",
            "{'a':1 'b':2}",
            "{'a':nul}",
        ] {
            assert!(object(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested =
            |depth: usize| ["{'a':".repeat(depth - 1), "{}".into(), "}".repeat(depth - 1)].concat();
        assert!(object(nested(32).as_bytes()).is_some());
        assert!(object(nested(33).as_bytes()).is_none());
        let brackets = ["{'a':".as_bytes(), &[b'['; 100_000]].concat();
        assert!(object(&brackets).is_none());
    }
}
