#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| diskdag_fuzz::image::tables(data));
