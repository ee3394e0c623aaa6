//! The handlers that a C program registered with a context, and how they are called.

use super::r#async::coap_async_t;
use super::handle::as_c;
use super::pdu::coap_pdu_t;
use super::resource::coap_resource_t;
use super::str::new_string;
use super::types::*;
use super::uri::coap_get_query;
use crate::driver::{AppData, Application, Context, Exchange, SessionHandle, Tracked};
use crate::log;
use crate::message::uri::{Form, Uri};
use crate::message::{Mid, Number, Pdu};
use crate::protocol::asynchronous::AsyncId;
use crate::protocol::block::Shown;
use crate::protocol::engine::Handle;
use crate::protocol::event::{NackReason, Notice};
use crate::protocol::resource::Kind;
use core::any::Any;
use core::ffi::c_int;
use core::ptr;
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::sync::Arc;

/// The handlers of a context.
#[derive(Clone, Copy, Default)]
pub(crate) struct Handlers {
    pub(crate) response: coap_response_handler_t,
    pub(crate) nack: coap_nack_handler_t,
    pub(crate) ping: coap_ping_handler_t,
    pub(crate) pong: coap_pong_handler_t,
    pub(crate) event: coap_event_handler_t,
}

/// What C keeps with a context.
#[derive(Default)]
pub(crate) struct Program {
    pub(crate) handlers: Mutex<Handlers>,
    pub(crate) app_data: AppData,
    pub(crate) settings: Mutex<super::net_settings::Settings>,
    pub(crate) asyncs: Mutex<HashMap<AsyncId, Box<coap_async_t>>>,
    pub(crate) trackers: super::persist::Trackers,
    pub(crate) security: super::security::Security,
    pub(crate) sent: super::sent::SentRequests,
    pub(crate) release_user_data: Mutex<coap_resource_release_userdata_handler_t>,
}

/// What C keeps with this context.
pub(crate) fn program(context: &Context) -> Option<&Program> {
    context.application().as_any().downcast_ref()
}

/// Logs an event and hands it to the context's handler. Gives what the handler answers; 0 if there
/// is none.
pub(crate) fn raise(program: &Program, session: *mut coap_session_t, event: coap_event_t) -> c_int {
    log!(DEBUG, "***EVENT: {}", EventName(event));
    let handler = program.handlers.lock().event;
    // SAFETY: the program registered it for this.
    handler.map_or(0, |handler| unsafe { handler(session, event) })
}

struct EventName(coap_event_t);

impl core::fmt::Display for EventName {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match event_name(self.0) {
            Some(name) => f.write_str(name),
            None => write!(f, "0x{:04x}", self.0),
        }
    }
}

/// Lends C a message that may be missing.
fn with_sent<R>(sent: Option<Pdu>, body: impl FnOnce(*const coap_pdu_t) -> R) -> R {
    match sent {
        Some(pdu) => body(&coap_pdu_t::new(pdu)),
        None => body(ptr::null()),
    }
}

/// The query that a request has in its Proxy-Uri, where that names this very host and so a resource of
/// its own.
fn local_query(kind: &Kind, request: &Pdu) -> Option<Vec<u8>> {
    let uri = request.option(Number::PROXY_URI).filter(|_| !matches!(kind, Kind::ProxyUri { .. }))?;
    let uri = Uri::parse(uri.value, Form::Proxy, |_| true).ok()?;
    uri.query.filter(|query| !query.is_empty()).map(<[u8]>::to_vec)
}

impl Application for Program {
    fn request(&self, session: &Arc<SessionHandle>, handle: &Handle, exchange: Exchange) -> Exchange {
        let resource = handle.downcast_ref::<coap_resource_t>();
        let handler = resource.and_then(|r| r.handler(exchange.request.code()));
        let (Some(resource), Some(handler)) = (resource, handler) else { return exchange };
        log!(
            DEBUG,
            "call custom handler for resource '{}' ({})",
            String::from_utf8_lossy(resource.core.path()),
            session.references() + 3
        );
        let request = coap_pdu_t::received(exchange.request, exchange.body);
        let mut response = coap_pdu_t::new(exchange.response);
        let query = match local_query(resource.core.kind(), &request.inner) {
            Some(query) => new_string("a request", &query).unwrap_or(ptr::null_mut()),
            // SAFETY: a live message; the string is the caller's.
            None => unsafe { coap_get_query(&request) },
        };
        // SAFETY: the program registered the handler for this; the pointers are good for the call.
        // The driver holds a share of the resource and of the session meanwhile.
        unsafe {
            handler(super::resource::as_c(handle), as_c(session), &request, query, &mut response);
            super::str::coap_delete_string(query);
        }
        Exchange { request: request.inner, body: request.body, response: response.inner }
    }

    fn response(
        &self,
        session: &Arc<SessionHandle>,
        sent: Option<Pdu>,
        received: Pdu,
        body: Option<Box<Shown>>,
    ) -> (Pdu, bool) {
        let Some(handler) = self.handlers.lock().response else { return (received, true) };
        let received = coap_pdu_t::received(received, body);
        let mid = c_int::from(received.inner.mid().0);
        // SAFETY: the program registered the handler for this; the pointers are good for the call.
        let answer = with_sent(sent, |sent| unsafe { handler(as_c(session), sent, &received, mid) });
        (received.inner, answer != COAP_RESPONSE_FAIL)
    }

    fn nack(&self, session: &Arc<SessionHandle>, sent: Option<Pdu>, reason: NackReason, mid: Mid) {
        let Some(handler) = self.handlers.lock().nack else { return };
        let reason = match reason {
            NackReason::TooManyRetries => COAP_NACK_TOO_MANY_RETRIES,
            NackReason::NotDeliverable => COAP_NACK_NOT_DELIVERABLE,
            NackReason::Reset => COAP_NACK_RST,
            NackReason::Unreachable => COAP_NACK_ICMP_ISSUE,
            NackReason::BadResponse => COAP_NACK_BAD_RESPONSE,
            NackReason::NotUpgraded => COAP_NACK_WS_LAYER_FAILED,
            NackReason::NotSecured => COAP_NACK_TLS_FAILED,
            NackReason::NeverSecured => COAP_NACK_TLS_LAYER_FAILED,
            NackReason::Given(reason) => reason,
        };
        // SAFETY: the program registered the handler for this; the pointers are good for the call.
        with_sent(sent, |sent| unsafe { handler(as_c(session), sent, reason, mid.0.into()) });
    }

    fn ping(&self, session: &Arc<SessionHandle>, received: Pdu) {
        let Some(handler) = self.handlers.lock().ping else { return };
        let received = coap_pdu_t::new(received);
        // SAFETY: the program registered the handler for this; the pointers are good for the call.
        unsafe { handler(as_c(session), &received, received.inner.mid().0.into()) };
    }

    fn pong(&self, session: &Arc<SessionHandle>, received: Pdu) {
        let Some(handler) = self.handlers.lock().pong else { return };
        let received = coap_pdu_t::new(received);
        // SAFETY: the program registered the handler for this; the pointers are good for the call.
        unsafe { handler(as_c(session), &received, received.inner.mid().0.into()) };
    }

    fn notice(&self, session: &Arc<SessionHandle>, notice: Notice) {
        let event = match notice {
            Notice::Opened => COAP_EVENT_SERVER_SESSION_NEW,
            Notice::Ended => COAP_EVENT_SERVER_SESSION_DEL,
            Notice::BadPacket => COAP_EVENT_BAD_PACKET,
            Notice::Retransmitted => COAP_EVENT_MSG_RETRANSMITTED,
            Notice::PartialBody => COAP_EVENT_PARTIAL_BLOCK,
            Notice::BodyNotSent => COAP_EVENT_XMIT_BLOCK_FAIL,
            Notice::KeepAliveFailed => COAP_EVENT_KEEPALIVE_FAILURE,
            Notice::Connected => COAP_EVENT_TCP_CONNECTED,
            Notice::NotConnected | Notice::NotUpgraded => COAP_EVENT_TCP_FAILED,
            Notice::Upgraded => COAP_EVENT_WS_CONNECTED,
            Notice::Secured => COAP_EVENT_DTLS_CONNECTED,
            Notice::SecurityFault => COAP_EVENT_DTLS_ERROR,
            Notice::Unsecured => COAP_EVENT_DTLS_CLOSED,
            Notice::FrameTooLarge => COAP_EVENT_WS_PACKET_SIZE,
            Notice::WebSocketClosed => COAP_EVENT_WS_CLOSED,
            Notice::Disconnected => COAP_EVENT_TCP_CLOSED,
            Notice::Ready => COAP_EVENT_SESSION_CONNECTED,
            Notice::Unready => COAP_EVENT_SESSION_CLOSED,
            Notice::NotReady => COAP_EVENT_SESSION_FAILED,
        };
        raise(self, as_c(session), event);
    }

    fn async_freed(&self, id: AsyncId) {
        drop(self.asyncs.lock().remove(&id));
    }

    fn tracked(&self, context: &Arc<Context>, tracked: Tracked<'_>) {
        self.trackers.tell(context, tracked);
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
