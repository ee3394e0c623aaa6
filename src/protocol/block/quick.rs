//! Q-Block1 and Q-Block2 (RFC 9177): blocks are sent in sets of MAX_PAYLOADS without an answer to
//! each, and the receiver asks for those that did not come.

mod burst;
mod gathering;
mod missing;
mod wanted;

pub use burst::Burst;
pub use gathering::{Gathering, Verdict};
pub use missing::{CONTENT_FORMAT, is_list, list, read_list};
pub use wanted::{Wanted, ask_for};

/// What is known of whether a peer knows Q-Block.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Support {
    /// Nothing yet.
    #[default]
    Unknown,
    /// It does.
    Known,
    /// It does not.
    Refused,
}
