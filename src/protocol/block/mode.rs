//! Who does what in block-wise transfers.

/// A set of `COAP_BLOCK_*`, as the application gave them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Mode(pub u8);

impl Mode {
    /// The library takes bodies apart and puts them together.
    pub const USE_LIBCOAP: Mode = Mode(0x01);
    /// Handlers see whole bodies.
    pub const SINGLE_BODY: Mode = Mode(0x02);
    /// Q-Block (RFC 9177) where the peer knows it too.
    pub const TRY_Q_BLOCK: Mode = Mode(0x04);
    /// What is missing to the end of a set is asked for by one Q-Block2 option.
    pub const USE_M_Q_BLOCK: Mode = Mode(0x08);
    /// No Request-Tag but where a body is sent in blocks.
    pub const NO_PREEMPTIVE_RTAG: Mode = Mode(0x10);
    /// Each request for a block of the response to a FETCH has the FETCH's own body.
    pub const STLESS_FETCH: Mode = Mode(0x20);
    /// A response in blocks is made anew for each of them.
    pub const STLESS_BLOCK2: Mode = Mode(0x40);
    /// Blocks of a request must come in order.
    pub const NOT_RANDOM_BLOCK1: Mode = Mode(0x80);

    /// What this library does of what the application asks for.
    pub const fn supported(asked: u32) -> Mode {
        Mode((asked & 0xff) as u8)
    }

    /// Whether the library does Q-Block.
    pub const fn tries_quick(self) -> bool {
        self.has(Mode(Mode::USE_LIBCOAP.0 | Mode::TRY_Q_BLOCK.0))
    }

    /// The same with the bits of `other`.
    #[must_use]
    pub const fn with(self, other: Mode) -> Mode {
        Mode(self.0 | other.0)
    }

    /// Whether all bits of `other` are set.
    pub const fn has(self, other: Mode) -> bool {
        self.0 & other.0 == other.0
    }
}
