//! `coap_session.h`: what opens endpoints and sessions.

use super::address::from_c;
use super::application::program;
use super::ffi::ffi;
use super::handle::{as_c, share};
use super::security::Refusal;
use super::types::*;
use crate::address::Address;
use crate::log;
use crate::message::uri::Scheme;
use crate::protocol::session::Transport;
use crate::tls::{self, ClientSetup};

/// Opens an endpoint: peers may send to `listen_addr`. It lives until it is freed or its context is; so
/// does the file of a Unix domain socket. One of a secured protocol answers by what
/// `coap_context_set_psk2()` and `coap_context_set_pki()` have set, also after it is opened.
///
/// Returns NULL if the address cannot be used, the library has no such transport, or neither of these
/// functions was called for a secured one.
///
/// # Safety
/// `context` is NULL or live; `listen_addr` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_new_endpoint(
    context: *mut coap_context_t,
    listen_addr: *const coap_address_t,
    proto: coap_proto_t,
) -> *mut coap_endpoint_t {
    ffi(|| {
        // SAFETY: NULL or live, as the caller promises.
        let (context, address) = unsafe { (share(context)?, listen_addr.as_ref()?) };
        let transport = transport_of("coap_new_endpoint", proto)?;
        let address = from_c(address)?;
        if transport.is_secure() && !program(&context)?.security.answers() {
            log!(
                INFO,
                "coap_new_endpoint: one of coap_context_set_psk() or coap_context_set_pki() not called"
            );
            return None;
        }
        let opened = context.open_endpoint(&address, transport);
        let endpoint = opened.inspect_err(|e| log!(WARN, "coap_new_endpoint: bind: {address}: {e}")).ok()?;
        Some(as_c(&endpoint))
    })
}

fn transport_of(caller: &str, proto: coap_proto_t) -> Option<Transport> {
    let (transport, name) = match proto {
        COAP_PROTO_UDP => (Transport::Udp, "UDP"),
        COAP_PROTO_TCP => (Transport::Tcp, "TCP"),
        COAP_PROTO_WS => (Transport::WebSocket, "WS"),
        COAP_PROTO_DTLS => (Transport::Dtls, "DTLS"),
        COAP_PROTO_TLS => (Transport::Tls, "TLS"),
        COAP_PROTO_WSS => (Transport::SecureWebSocket, "WSS"),
        _ => {
            log!(CRIT, "{caller}: this protocol not supported");
            return None;
        }
    };
    if transport.is_secure() && tls::library().is_none() {
        log!(CRIT, "{caller}: {name} not supported");
        return None;
    }
    Some(transport)
}

/// Opens a session to `server`, from `local_if` or, if that is NULL, from where the system says. In the
/// Unix domain `local_if` is needed: its path becomes a socket, which goes with the session.
/// The application holds a reference to it: `coap_session_release()` ends it.
///
/// If `proto` is secured, this is by what `coap_context_set_pki()` has set. If nothing has, the session
/// shows no certificate, and the server's is verified only if `coap_context_set_pki_root_cas()` has set
/// what by. A context with nothing but pre-shared keys has no identity to use them with.
///
/// Returns NULL if the library has no such transport, the addresses cannot be used, there is a
/// session between them already, or it cannot be secured so.
///
/// # Safety
/// `ctx` is NULL or live; the addresses are NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coap_new_client_session(
    ctx: *mut coap_context_t,
    local_if: *const coap_address_t,
    server: *const coap_address_t,
    proto: coap_proto_t,
) -> *mut coap_session_t {
    let ends = Ends { ctx, local_if, server, proto };
    // SAFETY: as the caller promises.
    ffi(|| unsafe { open("coap_new_client_session", ends, || Ok(None)) })
}

/// Between whom a session is to be opened.
#[derive(Clone, Copy)]
pub(super) struct Ends {
    pub(super) ctx: *mut coap_context_t,
    pub(super) local_if: *const coap_address_t,
    pub(super) server: *const coap_address_t,
    pub(super) proto: coap_proto_t,
}

/// Opens a session. How it is secured is asked if it is to be; `None` leaves that to the context.
///
/// # Safety
/// `ends.ctx` is NULL or live; the addresses are NULL or valid.
pub(super) unsafe fn open(
    caller: &str,
    ends: Ends,
    setup: impl FnOnce() -> Result<Option<ClientSetup>, Refusal>,
) -> Option<*mut coap_session_t> {
    // SAFETY: NULL or live, as the caller promises.
    let (context, server, local) =
        unsafe { (share(ends.ctx)?, ends.server.as_ref()?, ends.local_if.as_ref()) };
    let transport = transport_of("coap_new_client_session*", ends.proto)?;
    let remote = with_default_port(from_c(server)?, transport);
    let local = match local {
        Some(local) => Some(from_c(local)?),
        None => None,
    };
    let opened = match tls::library().filter(|_| transport.is_secure()) {
        None => context.open_session(local.as_ref(), &remote, transport),
        Some(library) => {
            let security = &program(&context)?.security;
            let connector = setup().and_then(|setup| security.connector(library, setup));
            let connector = connector.inspect_err(|refusal| refusal.log(caller)).ok()?;
            context.open_secured(local.as_ref(), &remote, transport, &connector)
        }
    };
    let session = opened.inspect_err(|e| log!(WARN, "{caller}: {remote}: {e}")).ok()?;
    Some(as_c(&session))
}

/// Port 0 stands for the one that RFC 7252 §6.1 and RFC 8323 §8 name.
fn with_default_port(address: Address, transport: Transport) -> Address {
    match address {
        Address::Ip(mut ip) if ip.port() == 0 => {
            ip.set_port(match transport {
                Transport::Udp | Transport::Tcp => COAP_DEFAULT_PORT,
                Transport::Dtls | Transport::Tls => COAPS_DEFAULT_PORT,
                Transport::WebSocket => Scheme::CoapWs.default_port(),
                Transport::SecureWebSocket => Scheme::CoapsWs.default_port(),
            });
            Address::Ip(ip)
        }
        other => other,
    }
}
