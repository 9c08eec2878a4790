//! Zero-copy reader of qcow2 images.
