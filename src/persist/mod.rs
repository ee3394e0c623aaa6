//! What a server keeps over a restart, in files of its own: the resources that peers had made,
//! the observers, and the observe numbers.
//!
//! [`record`] says what is kept, and [`mod@format`] how that becomes a file, both as pure values;
//! [`mod@file`] puts files in place and appends to them so that a kill at any moment leaves one
//! that is read; [`store`] has the records of one file, and writes down what has changed. Nothing
//! here knows a session: what becomes of a record is the driver's business.

pub mod file;
pub mod format;
pub mod record;
pub mod store;

pub use file::FileError;
pub use format::FormatError;
pub use record::{Counter, DynamicResource, Observer, Record};
pub use store::{Found, Store};
