//! A small repeatable random number generator (splitmix64), so that every run measures the same.

/// State of the generator; the seed is the state.
pub struct Random(pub u64);

impl Random {
    /// The next 64 random bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`, 0 when `end` is 0. The bias is below 2^-32 for every `end` in use here.
    pub fn below(&mut self, end: usize) -> usize {
        let end = end as u128;
        usize::try_from((u128::from(self.next()) * end) >> 64).unwrap_or_default()
    }
}
