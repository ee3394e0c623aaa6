//! WebSockets (RFC 6455) as CoAP uses them (RFC 8323 §4): between the bytes of a stream and whole
//! messages.
//!
//! It reads and writes no socket. What came in is given to [`WebSocket::receive`] in any pieces,
//! and what has to go out is appended to a buffer that the caller sends. So it lies on a TCP
//! connection, and on a TLS session, in the same way.
//!
//! # What is from a library, and why
//!
//! HTTP is read by `httparse`, and frame headers by the frame layer of `tungstenite`; each is the
//! one that most Rust programs use, kept by people who answer, and works on slices. The layers of
//! tungstenite above that do not fit a library with a limit for everything: its handshake takes a
//! slow sender for an attacker, a connection reserves the length that a frame announces before
//! its content is there, each idle one keeps a buffer, control frames and text are judged after
//! all of them was stored, and masks come from its own generator. soketto has a codec of that
//! kind too, behind a whole asynchronous stack; `websocket-sans-io` and `ws-framer` are small and
//! seldom released. So the rules of RFC 6455 §5.4 to §7 are here, and the tests let tungstenite
//! be the other side.

mod frame;
mod upgrade;

#[cfg(test)]
mod tests;

use frame::{Assembler, Part};
use smallvec::SmallVec;
use thiserror::Error;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use upgrade::Head;

pub use tungstenite::protocol::frame::coding::CloseCode;
pub use upgrade::{Host, NotUpgraded, Refusal};

/// The end of a WebSocket connection that cannot go on. What has to be sent before the stream is
/// closed was appended to the output.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Error {
    /// A server got a request that it does not upgrade.
    #[error("upgrade refused: {0}")]
    Refused(#[from] Refusal),
    /// A client got an answer that is no upgrade.
    #[error("not upgraded: {0}")]
    NotUpgraded(#[from] NotUpgraded),
    /// The peer sent a frame that RFC 6455 or RFC 8323 forbids here.
    #[error("bad frame: {0}")]
    Frame(#[from] FrameError),
}

/// What is wrong with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FrameError {
    /// RFC 6455 §5.2: no extension was agreed on.
    #[error("reserved bit set")]
    ReservedBit,
    /// RFC 6455 §5.2.
    #[error("unknown opcode")]
    Opcode,
    /// RFC 6455 §5.1: a client masks.
    #[error("not masked, from a client")]
    NotMasked,
    /// RFC 6455 §5.1: a server does not.
    #[error("masked, from a server")]
    Masked,
    /// RFC 6455 §5.5.
    #[error("control frame of more than 125 bytes")]
    LongControl,
    /// RFC 6455 §5.5.
    #[error("control frame in fragments")]
    FragmentedControl,
    /// RFC 6455 §5.4: a continuation of nothing.
    #[error("continuation without a beginning")]
    Continuation,
    /// RFC 6455 §5.4: a new message inside of another.
    #[error("message inside of another one's fragments")]
    Interleaved,
    /// RFC 6455 §5.5.1, §7.4.
    #[error("close frame with a bad code")]
    BadCode,
    /// RFC 6455 §5.5.1: the reason is UTF-8.
    #[error("close frame with a reason that is no text")]
    BadReason,
    /// RFC 8323 §4.2: a message of CoAP is binary.
    #[error("text frame")]
    Text,
    /// More than the caller takes.
    #[error("message of more than the maximum size")]
    TooBig,
}

impl FrameError {
    /// The status code that the close frame says it with (RFC 6455 §7.4.1).
    pub fn close_code(self) -> CloseCode {
        match self {
            FrameError::Text => CloseCode::Unsupported,
            FrameError::TooBig => CloseCode::Size,
            FrameError::BadReason => CloseCode::Invalid,
            _ => CloseCode::Protocol,
        }
    }
}

/// What [`WebSocket::receive`] has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// The upgrade is done: messages can be sent.
    Open,
    /// A whole message.
    Message(Vec<u8>),
    /// The peer closes, or agrees to be closed: the stream can be closed when the output is sent.
    /// The code is the peer's, 1005 when it named none (RFC 6455 §7.1.5).
    Closed(u16),
}

/// Where masks come from: each frame of a client has a new one that nobody can foresee
/// (RFC 6455 §5.3).
pub type Mask = fn() -> [u8; 4];

/// One WebSocket connection.
#[derive(Debug)]
pub struct WebSocket {
    role: Role,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum Role {
    Client { mask: Mask },
    Server,
}

#[derive(Debug)]
enum State {
    /// A client has asked, and expects an answer with this `Sec-WebSocket-Accept`.
    Asked { head: Head, accept: String },
    /// A server waits for the whole request.
    Awaiting { head: Head },
    /// Frames go both ways.
    Open(Assembler),
    /// Our close frame is sent. Of what comes, only the peer's close frame matters.
    Closing(Assembler),
    /// Nothing more is said, and nothing heard.
    Closed,
}

impl WebSocket {
    /// The client's side: appends the request to `out`. `key` is random, for this connection
    /// alone.
    pub fn client(host: &Host, key: [u8; 16], mask: Mask, out: &mut Vec<u8>) -> WebSocket {
        let accept = upgrade::write_request(host, key, out);
        WebSocket { role: Role::Client { mask }, state: State::Asked { head: Head::default(), accept } }
    }

    /// The server's side, which waits for a request.
    pub fn server() -> WebSocket {
        WebSocket { role: Role::Server, state: State::Awaiting { head: Head::default() } }
    }

    /// Whether messages can be sent.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// Whether nothing more comes, and nothing more is to be said.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Bytes that are kept of what has not come whole.
    pub fn kept(&self) -> usize {
        match &self.state {
            State::Asked { head, .. } | State::Awaiting { head } => head.kept(),
            State::Open(assembler) | State::Closing(assembler) => assembler.kept(),
            State::Closed => 0,
        }
    }

    /// Takes from the front of `input` what leads to the next thing worth telling; `None` when
    /// all of it was taken. No message may have more than `limit` bytes.
    ///
    /// What has to be answered is appended to `out`, at most one frame of it per call: pings that
    /// come together are answered by one pong (RFC 6455 §5.5.3), and by none while much waits in
    /// `out`.
    ///
    /// # Errors
    ///
    /// The connection is over: what tells the peer why is in `out`.
    pub fn receive(
        &mut self,
        input: &mut &[u8],
        limit: usize,
        out: &mut Vec<u8>,
    ) -> Result<Option<Received>, Error> {
        let received = self.advance(input, limit, out);
        if let Err(error) = &received {
            match error {
                Error::Refused(refusal) => refusal.write(out),
                Error::NotUpgraded(_) => {}
                // Not after a close frame of ours.
                Error::Frame(error) if self.is_open() => self.write_close(error.close_code(), out),
                Error::Frame(_) => {}
            }
            self.state = State::Closed;
        }
        received
    }

    fn advance(
        &mut self,
        input: &mut &[u8],
        limit: usize,
        out: &mut Vec<u8>,
    ) -> Result<Option<Received>, Error> {
        let masked = matches!(self.role, Role::Server);
        match &mut self.state {
            State::Asked { head, accept } => {
                let Some(head) = head.take(input).map_err(|_| NotUpgraded::TooLarge)? else {
                    return Ok(None);
                };
                upgrade::read_response(&head, accept)?;
                self.state = State::Open(Assembler::default());
                Ok(Some(Received::Open))
            }
            State::Awaiting { head } => {
                let Some(head) = head.take(input).map_err(|_| Refusal::TooLarge)? else {
                    return Ok(None);
                };
                upgrade::write_response(&upgrade::read_request(&head)?, out);
                self.state = State::Open(Assembler::default());
                Ok(Some(Received::Open))
            }
            State::Open(assembler) => {
                let mut ping = None;
                let received = loop {
                    match assembler.next(input, masked, limit)? {
                        None => break None,
                        Some(Part::Message(message)) => break Some(Received::Message(message)),
                        Some(Part::Ping(payload)) => ping = Some(payload),
                        Some(Part::Pong) => {}
                        Some(Part::Close(code)) => {
                            // RFC 6455 §5.5.1: the answer says the same.
                            self.write_control(Control::Close, &close_payload(code), out);
                            self.state = State::Closed;
                            return Ok(Some(Received::Closed(code.unwrap_or(NO_CODE))));
                        }
                    }
                };
                if let Some(payload) = ping.filter(|_| out.len() <= MAX_UNSENT) {
                    self.write_control(Control::Pong, &payload, out);
                }
                Ok(received)
            }
            State::Closing(assembler) => loop {
                match assembler.next(input, masked, limit)? {
                    None => return Ok(None),
                    Some(Part::Close(code)) => {
                        self.state = State::Closed;
                        return Ok(Some(Received::Closed(code.unwrap_or(NO_CODE))));
                    }
                    Some(Part::Message(_) | Part::Ping(_) | Part::Pong) => {}
                }
            },
            State::Closed => {
                *input = &[];
                Ok(None)
            }
        }
    }

    /// Appends a message as one frame to `out`. `false`, and nothing appended, while the upgrade
    /// is not done or after the close.
    pub fn send(&self, message: &[u8], out: &mut Vec<u8>) -> bool {
        let open = self.is_open();
        if open {
            frame::write(OpCode::Data(Data::Binary), self.mask(), message, out);
        }
        open
    }

    /// Begins to close: appends a close frame to `out`, if the peer can read one, and takes no
    /// more messages. What comes until [`Received::Closed`] is dropped.
    pub fn close(&mut self, code: CloseCode, out: &mut Vec<u8>) {
        if self.is_open() {
            self.write_close(code, out);
        }
        self.state = match std::mem::replace(&mut self.state, State::Closed) {
            State::Open(assembler) | State::Closing(assembler) => State::Closing(assembler),
            _ => State::Closed,
        };
    }

    fn write_close(&self, code: CloseCode, out: &mut Vec<u8>) {
        self.write_control(Control::Close, &close_payload(Some(code.into())), out);
    }

    fn write_control(&self, control: Control, payload: &[u8], out: &mut Vec<u8>) {
        frame::write(OpCode::Control(control), self.mask(), payload, out);
    }

    fn mask(&self) -> Option<[u8; 4]> {
        match self.role {
            Role::Client { mask } => Some(mask()),
            Role::Server => None,
        }
    }
}

/// The most output that waits to be sent when a ping is still answered, in bytes: a peer that does
/// not read must not make it grow.
const MAX_UNSENT: usize = 64 << 10;

/// What stands for a close frame without a code (RFC 6455 §7.1.5).
const NO_CODE: u16 = 1005;

fn close_payload(code: Option<u16>) -> SmallVec<[u8; 2]> {
    code.map(|code| SmallVec::from(code.to_be_bytes())).unwrap_or_default()
}
