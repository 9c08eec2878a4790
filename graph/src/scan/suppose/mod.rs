//! What would be found if files were moved, removed, made or given other backing files, and none of that is done.
//!
//! Names and files are exchanged in the record of a scan, and all that follows from them is made anew by the steps
//! of a scan: references are resolved by the same rules, and where a scan would have to ask the system, it is
//! asked, but for the names that are supposed to be other than they are ([`world::World`]).

mod altered;
mod directory;
mod fate;
mod moved;
mod outcome;
mod run;
mod supposition;
mod world;

pub use outcome::{Bereft, Strayed, Supposed};
pub use supposition::{SupposeError, Supposition};
pub(super) use world::World;
