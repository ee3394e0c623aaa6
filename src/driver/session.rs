//! The handles that applications hold: they live on the heap at one place, and lead to the state
//! of their context by an id that can go stale.

use super::Context;
use crate::address::Address;
use crate::protocol::session::{Session, SessionId, SocketId, Transport};
use crate::tls::Connector;
use core::any::Any;
use core::ffi::c_void;
use core::fmt;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

/// What the application keeps with a handle and gets back; never followed by this library.
#[derive(Default)]
pub struct AppData(AtomicPtr<c_void>);

impl AppData {
    /// What was set last; NULL before.
    pub fn get(&self) -> *mut c_void {
        self.0.load(Ordering::Acquire)
    }

    /// Sets it and gives what was there.
    pub fn set(&self, data: *mut c_void) -> *mut c_void {
        self.0.swap(data, Ordering::AcqRel)
    }
}

/// A session as the application sees it.
pub struct SessionHandle {
    pub(super) context: Arc<Context>,
    pub(super) id: SessionId,
    pub(super) transport: Transport,
    /// References that the application holds.
    pub(super) references: AtomicU32,
    /// The application's data.
    pub app_data: AppData,
    extension: OnceLock<Box<dyn Any + Send + Sync>>,
    /// What its connections are made secure by, if this side opened it.
    pub(super) connector: OnceLock<Arc<dyn Connector>>,
}

impl SessionHandle {
    pub(super) fn new(context: Arc<Context>, id: SessionId, transport: Transport) -> Arc<Self> {
        Arc::new(SessionHandle {
            context,
            id,
            transport,
            references: AtomicU32::new(0),
            app_data: AppData::default(),
            extension: OnceLock::new(),
            connector: OnceLock::new(),
        })
    }

    /// Its context.
    pub fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// Its name in the state machines.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// If it is over a stream whose connection is being made by this side, runs the loop until that has
    /// come about or not, for as long as a CSM may take. Handlers run meanwhile, and may let go of the
    /// session: whoever waits has a share of it.
    pub fn await_ready(self: &Arc<Self>) {
        if self.transport.is_reliable() {
            self.context.await_ready(self.id);
        }
    }

    /// Something of type `T` that lives as long as the handle, made when first asked for. One
    /// type is used with all handles.
    pub fn extension<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Option<&T> {
        self.extension.get_or_init(|| Box::new(make())).downcast_ref()
    }

    /// How many references the application holds.
    pub fn references(&self) -> u32 {
        self.references.load(Ordering::Relaxed)
    }

    /// Looks at the session. `None` after it ended.
    pub fn read<R>(&self, look: impl FnOnce(&Session) -> R) -> Option<R> {
        self.context.state.lock().engine.sessions().get(self.id).map(look)
    }

    /// Changes the session. `None` after it ended.
    pub fn change<R>(&self, change: impl FnOnce(&mut Session) -> R) -> Option<R> {
        self.context.with(|state| state.engine.session_mut(self.id).map(change))
    }

    /// The application takes one more reference. The references together keep the handle alive,
    /// even if the session or its context ends.
    pub fn hold(self: &Arc<Self>) {
        if self.references.fetch_add(1, Ordering::AcqRel) == 0 {
            let _shared_by_the_references = Arc::into_raw(Arc::clone(self));
        }
        self.context.with(|state| state.engine.hold(self.id));
    }

    /// The application's references are void: its context is gone, and sessions go with it.
    pub(super) fn void_references(self: &Arc<Self>) {
        if self.references.swap(0, Ordering::AcqRel) > 0 {
            // SAFETY: the count that the first reference took; with none left, nobody else gives it
            // back.
            unsafe { Arc::decrement_strong_count(Arc::as_ptr(self)) };
        }
    }

    /// The application gives a reference back. A session that this side opened ends with the last;
    /// what is queued in it is dropped.
    pub fn release(self: Arc<Self>) {
        let before = self.references.fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| n.checked_sub(1));
        match before {
            Err(_) => {
                crate::log!(WARN, "a session is released more often than it was referenced");
                return;
            }
            Ok(_) => self.context.release(&self),
        }
        if before == Ok(1) {
            // SAFETY: the count that the first reference took; nobody else gives it back.
            unsafe { Arc::decrement_strong_count(Arc::as_ptr(&self)) };
        }
    }
}

impl fmt::Debug for SessionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.id)
    }
}

/// An endpoint as the application sees it.
pub struct EndpointHandle {
    pub(super) context: Arc<Context>,
    pub(super) socket: SocketId,
    /// The address it is bound to.
    pub local: Address,
    /// How peers come to it.
    pub transport: Transport,
}

impl EndpointHandle {
    /// Its context.
    pub fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// Its socket.
    pub fn socket(&self) -> SocketId {
        self.socket
    }

    /// Sets the most bytes of a message of sessions to come, header included.
    pub fn set_mtu(&self, mtu: u32) {
        self.context.with(|state| state.set_endpoint_mtu(self.socket, mtu));
    }
}
