//! What a server keeps over a restart, in files of its own: the resources that peers had made,
//! the observers, and the observe numbers.
//!
//! [`record`] says what is kept and how it is written, as pure values; [`mod@file`] replaces a file
//! so that a kill at any moment leaves the old one or the new one. Nothing here knows a session:
//! what becomes of a record is the driver's business.

pub mod file;
pub mod record;

pub use file::{FileError, read, write};
pub use record::{Counter, DynamicResource, Observer, Record, RecordError};
