//! Signalling messages (RFC 8323 §5): settings, Ping and Pong, Release, Abort.

use super::{Engine, Event, Notice};
use crate::message::{Code, Mid, Number, Pdu, Token, Type};
use crate::protocol::event::NackReason;
use crate::protocol::session::{SessionId, State};
use crate::protocol::stream::{MIN_MESSAGE_SIZE, signal};
use crate::protocol::time::Instant;

/// Room for the options and the text of a signalling message, in bytes.
const SIGNAL_SIZE: usize = 256;

impl Engine {
    pub(super) fn handle_signal(&mut self, now: Instant, id: SessionId, pdu: Pdu) {
        match pdu.code() {
            Code::CSM => self.handle_csm(now, id, &pdu),
            // RFC 8323 §5.2: whoever does not understand a critical option aborts the connection.
            Code::PING | Code::PONG | Code::RELEASE if bad_option(&pdu).is_some() => {
                self.abort(now, id, None, "critical option not understood");
            }
            Code::PING => {
                self.pong(now, id, &pdu);
                return self.events.push_back(Event::Ping { session: id, received: pdu });
            }
            Code::PONG => {
                self.pong_came(id);
                return self.events.push_back(Event::Pong { session: id, received: pdu });
            }
            Code::RELEASE => self.handle_release(now, id),
            Code::ABORT => {
                if let Some(session) = self.sessions.get(id) {
                    let text = pdu.payload().map(String::from_utf8_lossy).unwrap_or_default();
                    crate::log!(WARN, "** {session}: aborted by the peer: {}", text.escape_debug());
                }
                self.handle_lost(now, id, NackReason::Reset);
            }
            code => crate::log!(DEBUG, "signal {code} is unknown and ignored"),
        }
        self.recycle(pdu);
    }

    /// A signalling message; `fill` adds what is in it. It has room for its token and the little that
    /// this side says.
    fn signal(&mut self, code: Code, token: &[u8], fill: impl FnOnce(&mut Pdu)) -> Pdu {
        let mut pdu = self.blank(Type::Confirmable, code, Mid(0), token.len() + SIGNAL_SIZE);
        let _ = pdu.set_token(token);
        fill(&mut pdu);
        pdu
    }

    /// Says what this side takes (RFC 8323 §5.3).
    pub(super) fn send_csm(&mut self, now: Instant, id: SessionId) {
        if let Some(session) = self.sessions.get(id) {
            crate::log!(DEBUG, "***{session}: sending CSM");
        }
        let (size, token) = (self.config.csm_max_message_size, self.config.max_token);
        let csm = self.signal(Code::CSM, &[], |csm| {
            let _ = csm.add_option(signal::MAX_MESSAGE_SIZE, &uint(size));
            let _ = csm.add_option(signal::BLOCK_WISE_TRANSFER, &[]);
            if token as usize > Token::DEFAULT_MAX {
                let _ = csm.add_option(signal::EXTENDED_TOKEN_LENGTH, &uint(token));
            }
        });
        self.send_now(now, id, csm);
    }

    /// The peer says what it takes; later CSMs change what they name (RFC 8323 §5.3).
    fn handle_csm(&mut self, now: Instant, id: SessionId, csm: &Pdu) {
        if let Some(bad) = bad_option(csm) {
            return self.refuse_csm(now, id, bad);
        }
        let Some(session) = self.sessions.get_mut(id) else { return };
        let Some(stream) = session.stream.as_deref_mut() else { return };
        if let Some(size) = csm.option_uint(signal::MAX_MESSAGE_SIZE) {
            session.mtu = u32::try_from(size).unwrap_or(u32::MAX).max(MIN_MESSAGE_SIZE);
        }
        if let Some(token) = csm.option_uint(signal::EXTENDED_TOKEN_LENGTH) {
            stream.longest_token = usize::try_from(token).unwrap_or(usize::MAX);
        }
        stream.peer_takes_blocks |= csm.option(signal::BLOCK_WISE_TRANSFER).is_some();
        let is_first = !core::mem::replace(&mut stream.has_csm, true);
        let deadline = stream.csm_deadline.take();
        if session.state == State::Csm {
            if let Some(key) = deadline {
                self.deadlines.cancel(key);
                self.ready(id);
            }
        } else if is_first {
            crate::log!(WARN, "***{session}: CSM received after CSM timeout");
        }
    }

    /// A CSM has an option that is critical and unknown, or has a value that it cannot have
    /// (RFC 8323 §5.6.1).
    pub(super) fn refuse_csm(&mut self, now: Instant, id: SessionId, bad: Number) {
        self.abort(now, id, Some(bad), "CSM option not supported");
    }

    /// The peer's CSM did not come in time: the session goes on as if it had said nothing.
    pub(super) fn csm_overdue(&mut self, now: Instant, id: SessionId) {
        self.heard = now;
        let Some(session) = self.sessions.get_mut(id) else { return };
        let Some(stream) = session.stream.as_deref_mut() else { return };
        if stream.csm_deadline.take().is_some() {
            crate::log!(DEBUG, "** {session}: timeout waiting for CSM response");
            self.ready(id);
        }
    }

    fn ready(&mut self, id: SessionId) {
        self.ends_to_open(id);
        if let Some(session) = self.sessions.get(id) {
            crate::log!(DEBUG, "***{session}: session connected");
        }
        self.notice(id, Notice::Ready);
    }

    /// Answers a Ping (RFC 8323 §5.4). Messages are worked off in their order, so that all before it
    /// have been.
    fn pong(&mut self, now: Instant, id: SessionId, ping: &Pdu) {
        let pong = self.signal(Code::PONG, ping.token(), |pong| {
            let _ = pong.add_option(signal::CUSTODY, &[]);
        });
        if let Err(e) = self.send(now, id, pong) {
            crate::log!(WARN, "Pong is not sent: {e}");
        }
    }

    /// The peer wants this connection to be left (RFC 8323 §5.5): it goes when nothing waits in it.
    fn handle_release(&mut self, now: Instant, id: SessionId) {
        if let Some(stream) = self.stream_mut(id) {
            stream.is_released = true;
            self.leave_released(now, id);
        }
    }

    /// Leaves a connection that the peer has released, if nothing waits in it.
    pub(super) fn leave_released(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.get(id) else { return };
        let Some(stream) = session.stream.as_deref().filter(|s| s.is_released) else { return };
        if stream.awaits() || session.waiting_len() > 0 {
            crate::log!(DEBUG, "***{session}: released by the peer, and left when all is answered");
        } else {
            self.handle_lost(now, id, NackReason::Reset);
        }
    }

    /// Breaks the connection off and tells the peer why (RFC 8323 §5.6).
    pub(super) fn abort(&mut self, now: Instant, id: SessionId, bad: Option<Number>, why: &str) {
        let abort = self.signal(Code::ABORT, &[], |abort| {
            if let Some(bad) = bad {
                let _ = abort.add_option(signal::BAD_CSM_OPTION, &uint(bad.0.into()));
            }
            let _ = abort.set_payload(why.as_bytes());
        });
        self.send_now(now, id, abort);
        self.handle_lost(now, id, NackReason::NotDeliverable);
    }
}

/// The first critical option of a signalling message that nobody knows (RFC 8323 §5.2). None is
/// defined.
fn bad_option(signal: &Pdu) -> Option<Number> {
    signal.options().map(|o| o.number).find(|n| n.is_critical())
}

fn uint(value: u32) -> impl core::ops::Deref<Target = [u8]> {
    crate::message::option::encode_uint(value.into())
}
