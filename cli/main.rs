//! The `diskdag` command.
fn main() {}
