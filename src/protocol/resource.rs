//! Resources: what a server knows of each, the table of a context, and which of them a request
//! is for.
//!
//! A [`Resource`] is shared between the table and whoever configures it, since it may change
//! after it was added. The handlers that the application registered are not here: the table
//! carries them along as an opaque `H`.

mod table;
mod target;

pub use table::{AlreadyAdded, Entry, ResourceId, Table};
pub use target::Target;

use crate::message::Code;
use crate::message::link_format::{Attribute, Link, Window};
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use parking_lot::Mutex;

/// What a resource stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One path.
    Plain,
    /// Every path that no plain resource has, for the methods it has handlers for.
    Unknown,
    /// Every path that no plain resource has, `/.well-known/core` included.
    ReverseProxy,
    /// Requests with Proxy-Uri or Proxy-Scheme that name none of these hosts (RFC 7252 §5.7.2).
    ProxyUri {
        /// The names of this server itself.
        hosts: Box<[Box<[u8]>]>,
    },
}

/// A set of `COAP_RESOURCE_FLAGS_*`, as given at creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Flags(pub u32);

impl Flags {
    /// Notifications are confirmable (RFC 7641 §4.5).
    pub const NOTIFY_CON: Flags = Flags(0x2);
    /// Notifications are never confirmable.
    pub const NOTIFY_NON_ALWAYS: Flags = Flags(0x4);
    /// Answers multicast requests, where resources are asked one by one.
    pub const HAS_MCAST_SUPPORT: Flags = Flags(0x8);
    /// The application delays multicast responses itself.
    pub const LIB_DIS_MCAST_DELAYS: Flags = Flags(0x10);
    /// Empty 2.05 responses to multicast are not sent.
    pub const LIB_ENA_MCAST_SUPPRESS_2_05: Flags = Flags(0x20);
    /// 2.xx responses to multicast are not sent.
    pub const LIB_ENA_MCAST_SUPPRESS_2_XX: Flags = Flags(0x40);
    /// 4.xx responses to multicast are sent.
    pub const LIB_DIS_MCAST_SUPPRESS_4_XX: Flags = Flags(0x80);
    /// 5.xx responses to multicast are sent.
    pub const LIB_DIS_MCAST_SUPPRESS_5_XX: Flags = Flags(0x100);
    /// The handler sees whole bodies, whatever the context's block mode is.
    pub const FORCE_SINGLE_BODY: Flags = Flags(0x200);
    /// Requests must come protected by OSCORE.
    pub const OSCORE_ONLY: Flags = Flags(0x400);
    /// An unknown handler that takes `/.well-known/core` too.
    pub const HANDLE_WELLKNOWN_CORE: Flags = Flags(0x800);

    /// Whether all bits of `other` are set.
    pub const fn contains(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }
}

/// The Observe number of a resource that has not changed yet: 0 and 1 look like requests.
const FIRST_OBSERVE_NUMBER: u32 = 2;

/// The largest value of the Observe option (RFC 7641 §2).
pub const MAX_OBSERVE_NUMBER: u32 = 0xff_ffff;

/// What the protocol knows of a resource.
#[derive(Debug)]
pub struct Resource {
    path: Box<[u8]>,
    kind: Kind,
    flags: AtomicU32,
    /// Bit `n - 1` is set when there is a handler for the method 0.`n`.
    methods: AtomicU8,
    observable: AtomicBool,
    observe_number: AtomicU32,
    attributes: Mutex<Vec<Attribute>>,
}

impl Resource {
    /// A resource without handlers or attributes. `path` is kept as it is: it matches a request
    /// whose Uri-Path segments, percent-encoded and joined by slashes, are these bytes.
    pub fn new(path: &[u8], kind: Kind, flags: Flags) -> Self {
        Resource {
            path: path.into(),
            kind,
            flags: AtomicU32::new(flags.0),
            methods: AtomicU8::new(0),
            observable: AtomicBool::new(false),
            observe_number: AtomicU32::new(FIRST_OBSERVE_NUMBER),
            attributes: Mutex::new(Vec::new()),
        }
    }

    /// The path, without a leading slash.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// What it stands for.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The flags in force.
    pub fn flags(&self) -> Flags {
        Flags(self.flags.load(Ordering::Relaxed))
    }

    /// Whether all of these flags are set.
    pub fn has(&self, flags: Flags) -> bool {
        self.flags().contains(flags)
    }

    /// Sets how notifications are sent; the other flags stay.
    pub fn set_notify_mode(&self, mode: Flags) {
        let both = Flags::NOTIFY_CON.0 | Flags::NOTIFY_NON_ALWAYS.0;
        // The closure always gives a value, so the update cannot fail.
        let _ = self
            .flags
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |old| Some(old & !both | mode.0 & both));
    }

    /// Notes whether there is a handler for `method`. Returns whether that is a method handlers
    /// exist for (0.01 to 0.07).
    pub fn set_method(&self, method: Code, handled: bool) -> bool {
        let bit = method_bit(method);
        if handled {
            self.methods.fetch_or(bit, Ordering::Relaxed);
        } else {
            self.methods.fetch_and(!bit, Ordering::Relaxed);
        }
        bit != 0
    }

    /// Whether there is a handler for `method`.
    pub fn handles(&self, method: Code) -> bool {
        self.methods.load(Ordering::Relaxed) & method_bit(method) != 0
    }

    /// Whether a GET or FETCH may observe it (RFC 7641).
    pub fn is_observable(&self) -> bool {
        self.observable.load(Ordering::Relaxed)
    }

    /// Allows observers or not.
    pub fn set_observable(&self, observable: bool) {
        self.observable.store(observable, Ordering::Relaxed);
    }

    /// The value of the Observe option of a response made now: 24 bits that grow with each change
    /// (RFC 7641 §4.4).
    pub fn observe_number(&self) -> u32 {
        self.observe_number.load(Ordering::Relaxed) & MAX_OBSERVE_NUMBER
    }

    /// Makes `number` the number of the state as it is now.
    pub fn set_observe_number(&self, number: u32) {
        self.observe_number.store(number & MAX_OBSERVE_NUMBER, Ordering::Relaxed);
    }

    /// The resource has changed.
    pub fn next_observe_number(&self) {
        // It wraps at a multiple of what is shown.
        self.observe_number.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds an attribute. One name may be added many times.
    pub fn add_attribute(&self, name: &[u8], value: Option<&[u8]>) {
        self.attributes.lock().push(Attribute { name: name.into(), value: value.map(Into::into) });
    }

    /// Lends the resource as a link of the list that `/.well-known/core` shows.
    pub fn with_link<T>(&self, body: impl FnOnce(&Link<'_>) -> T) -> T {
        let attributes = self.attributes.lock();
        body(&Link {
            path: &self.path,
            attributes: &attributes,
            observable: self.is_observable(),
            oscore: self.has(Flags::OSCORE_ONLY),
        })
    }

    /// Writes the resource as a link (RFC 6690 §2).
    pub fn write_link(&self, to: &mut Window<'_>) {
        self.with_link(|link| link.write(to));
    }
}

/// The bit of a method, or 0 for a code that handlers cannot be registered for.
fn method_bit(method: Code) -> u8 {
    match method.0 {
        n @ 1..=7 => 1 << (n - 1),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_seven_methods_have_handlers() {
        let r = Resource::new(b"x", Kind::Plain, Flags::default());
        assert!(r.set_method(Code::IPATCH, true));
        assert!(!r.set_method(Code(8), true));
        assert!(!r.set_method(Code::EMPTY, true));
        assert!(r.handles(Code::IPATCH));
        for code in [0, 1, 8, 31, 255] {
            assert!(!r.handles(Code(code)));
        }
        r.set_method(Code::IPATCH, false);
        assert!(!r.handles(Code::IPATCH));
    }

    #[test]
    fn the_notify_mode_leaves_other_flags_alone() {
        let r = Resource::new(b"x", Kind::Plain, Flags(0x400 | 0x4));
        r.set_notify_mode(Flags(0x2 | 0x200));
        assert_eq!(r.flags(), Flags(0x402));
        r.set_notify_mode(Flags(0));
        assert_eq!(r.flags(), Flags::OSCORE_ONLY);
    }
}
