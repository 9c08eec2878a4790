//! What the fuzz targets check. `cargo test` in `qcow2/` includes the same files, replays the corpus and
//! the crashers with them, and mutates headers and images of its own.

pub mod build;
pub mod check;
pub mod checks;
pub mod counting;
pub mod damage;
pub mod image;
pub mod oracle;
pub mod verbs;
pub mod zstd;

/// For targets that take a whole image: damages its tables half of the time, and lets libFuzzer change any bytes
/// else.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    if seed % 2 == 0 && damage_it(&mut data[..size], seed / 2) {
        return size;
    }
    libfuzzer_sys::fuzzer_mutate(data, size, max_size)
}

/// Damages what is an image in one to three places, and says whether it was one.
fn damage_it(file: &mut [u8], seed: u32) -> bool {
    let Some(places) = damage::Places::of(file) else { return false };
    let mut state = u64::from(seed) | 1 << 40;
    let mut below = move |end: usize| {
        // splitmix64
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) >> 16).unwrap_or_default() % end.max(1)
    };
    for _ in 0..=below(3) {
        places.damage(file, &mut below);
    }
    true
}
