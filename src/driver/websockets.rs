//! Messages of connections, and what WebSockets have between them (RFC 8323 §4).

use super::{Context, SessionHandle, State};
use crate::net::websocket::{Error, FrameError, Host, Received};
use crate::protocol::session::{Session, SessionId, SocketId};

impl Context {
    /// The stream of a session is there, and its application has heard of it: an upgrade begins, if
    /// the session needs one.
    pub(super) fn begin_upgrade(&self, state: &mut State, socket: SocketId, session: SessionId) {
        let host = state.engine.sessions().get(session).and_then(|session| {
            let name = session.stream.as_ref()?.host.as_ref()?;
            Host::new(name, session.path.remote.port())
        });
        let Some(connection) = state.sockets.connection_of(socket, session) else { return };
        if connection.begin(host.as_ref()) {
            state.sockets.flush(&self.poller, socket.0 as usize, false);
            state.apply_changes();
        } else {
            crate::log!(ERR, "WS Host not defined");
            state.engine.handle_not_upgraded(crate::clock::now(), session);
        }
    }

    /// Works off the next message in what came over a connection, and moves `input` behind it. `false`
    /// if all of it is taken.
    pub(super) fn take_message(
        &self,
        state: &mut State,
        socket: SocketId,
        session: SessionId,
        input: &mut &[u8],
    ) -> bool {
        let now = crate::clock::now();
        let limit = state.engine.config.csm_max_message_size as usize;
        let Some(connection) = state.sockets.connection_of(socket, session) else {
            return false;
        };
        let Some(received) = connection.receive(input, limit) else {
            return state.engine.handle_stream(now, session, input);
        };
        let kept = connection.kept();
        if !connection.is_drained() {
            state.sockets.flush(&self.poller, socket.0 as usize, false);
            state.apply_changes();
        }
        if let (Err(error), Some(session)) = (&received, state.engine.sessions().get(session)) {
            crate::log!(INFO, "***{session}: WS: {error}");
        }
        match received {
            Ok(None) => {
                state.engine.handle_partial(now, session, kept);
                return false;
            }
            Ok(Some(Received::Open)) => state.engine.handle_upgraded(now, session),
            Ok(Some(Received::Message(message))) => state.engine.handle_frame(now, session, &message),
            Ok(Some(Received::Closed(code))) => {
                if let Some(session) = state.engine.sessions().get(session) {
                    crate::log!(DEBUG, "***{session}: WS: Close received ({code})");
                }
                state.engine.handle_closed(now, session, false);
            }
            Err(Error::Refused(_) | Error::NotUpgraded(_)) => state.engine.handle_not_upgraded(now, session),
            Err(Error::Frame(error)) => state.engine.handle_closed(now, session, error == FrameError::TooBig),
        }
        true
    }
}

impl SessionHandle {
    /// Sets whom the HTTP request of a WebSocket session asks for. `false` if that is no name of a
    /// host, or the session has ended.
    pub fn set_host(&self, name: &[u8]) -> bool {
        let is_name = Host::new(name, 0).is_some();
        let stream =
            |s: &mut Session| s.stream.as_deref_mut().filter(|_| is_name).map(|s| s.host = Some(name.into()));
        self.change(stream).is_some() && is_name
    }
}
