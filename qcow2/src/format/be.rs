//! Big-endian integers as they lie on disk: byte arrays, so that a structure of them has no padding and
//! no alignment and may be viewed anywhere in a buffer.
#![forbid(unsafe_code)]

use core::fmt;

use bytemuck::{Pod, Zeroable};

macro_rules! big_endian {
    ($name:ident, $int:ident, $bytes:literal) => {
        #[doc = concat!("A `", stringify!($int), "` stored big-endian, aligned to one byte.")]
        #[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Pod, Zeroable)]
        #[repr(transparent)]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// From the machine's order.
            #[inline]
            #[must_use]
            pub const fn new(value: $int) -> Self {
                Self(value.to_be_bytes())
            }

            /// In the machine's order.
            #[inline]
            #[must_use]
            pub const fn get(self) -> $int {
                $int::from_be_bytes(self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.get(), f)
            }
        }
    };
}

big_endian!(Be16, u16, 2);
big_endian!(Be32, u32, 4);
big_endian!(Be64, u64, 8);
