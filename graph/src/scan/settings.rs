//! Roots and waivers that outlive a command, in one small file.
