//! The refcount table and its blocks.

use super::canvas::Expect::{Odd, Safe, Unsafe};
use super::canvas::{Case, Expect, TIB};
use super::try_all;

const TABLE: u64 = 1 << 16;
const BLOCK: u64 = 2 << 16;

#[test]
fn entries_and_blocks() {
    let (out, over) = (Unsafe("out-of-bounds"), Unsafe("overlap"));
    let shared = Unsafe("shared-table");
    let entry = |name: &str, expect: Expect, index: u64, value: u64| {
        Case::new(name, expect).u64(TABLE + 8 * index, value)
    };
    let cases = vec![
        entry("0x22a00", Unsafe("misaligned"), 0, 0x22a00),
        entry("a MiB beyond the end", out, 1, 7 << 20),
        entry("1 TiB", out, 1, TIB),
        entry("0xff...0000", out, 1, 0xffff_ffff_ffff_0000),
        entry("all bits", out, 1, u64::MAX),
        entry("reserved bits", Odd("reserved-bits"), 0, BLOCK | 0x1ff),
        entry("shared", shared, 1, BLOCK),
        entry("none for the header", Unsafe("header-not-counted"), 0, 0),
        entry("the header", Unsafe("header-not-counted"), 0, 0x100),
        entry("the table itself", over, 1, TABLE),
        entry("the L1 table", over, 1, 3 << 16),
        entry("the L2 table", over, 1, 4 << 16),
        entry("guest data", over, 1, 5 << 16),
        entry("at the end", out, 1, 6 << 16),
        Case::new("8192 to one block", shared).fill(TABLE, BLOCK, 8192),
        Case::new("8192 beyond the end", out).fill(TABLE + 8, TIB, 8191),
        Case::new("8192 misaligned", Unsafe("misaligned")).fill(TABLE + 8, BLOCK + 512, 8191),
        Case::new("header's refcount 0", Unsafe("header-not-counted")).bytes(BLOCK, &[0, 0]),
        Case::new("data's refcount 0", Safe).bytes(BLOCK + 10, &[0, 0]),
        Case::new("all refcounts at most", Safe).bytes(BLOCK, &[0xff; 65_536]),
        Case::new("a leak", Safe).bytes(BLOCK + 12, &[0, 1]),
    ];
    try_all(cases, 21);
}
