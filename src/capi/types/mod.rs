//! The types, constants and struct layouts of the public headers, one file per header. The headers
//! are generated from these files (`tools/headers`), so their doc comments speak to C programmers.
//! What may enter: declarations and compile-time checks of their layout; no function.
//!
//! An enum of C is an integer here, since C may pass any number: `c_enum!` makes an alias of
//! `unsigned int` and one constant per name, and the header generator reads the same list to write
//! a real enum.
#![allow(non_camel_case_types)]

/// Declares a C enum: see the module's documentation. With `#[names(function)]` in front, also a function
/// that gives the name of a value.
macro_rules! c_enum {
    (#[names($names:ident)] $(#[$doc:meta])* pub enum $name:ident {
        $($(#[$value_doc:meta])* $value:ident = $number:expr,)*
    }) => {
        c_enum! { $(#[$doc])* pub enum $name { $($(#[$value_doc])* $value = $number,)* } }

        pub(crate) fn $names(value: $name) -> Option<&'static str> {
            match value { $($value => Some(stringify!($value)),)* _ => None }
        }
    };
    ($(#[$doc:meta])* pub enum $name:ident { $($(#[$value_doc:meta])* $value:ident = $number:expr,)* }) => {
        $(#[$doc])*
        pub type $name = ::core::ffi::c_uint;
        $($(#[$value_doc])* pub const $value: $name = $number;)*
    };
}

/// Holds a struct to the size, alignment and offsets that 64-bit C programs were compiled with.
macro_rules! layout {
    ($name:ident: $size:literal, $align:literal; $($field:ident: $offset:literal),*) => {
        #[cfg(target_pointer_width = "64")]
        const _: () = {
            assert!(size_of::<$name>() == $size);
            assert!(align_of::<$name>() == $align);
            $(assert!(::core::mem::offset_of!($name, $field) == $offset);)*
        };
    };
}

mod address;
mod block;
mod cache;
mod coap;
mod debug;
mod dtls;
mod event;
mod forward_decls;
mod io;
mod mem;
mod net;
mod option;
mod oscore;
mod pdu;
mod prng;
mod proxy;
mod resource;
mod session;
mod str;
mod subscribe;
mod time;
mod uri;

pub use self::address::*;
pub use self::block::*;
pub use self::cache::*;
pub use self::coap::*;
pub use self::debug::*;
pub use self::dtls::*;
pub use self::event::*;
pub use self::forward_decls::*;
pub use self::io::*;
pub use self::mem::*;
pub use self::net::*;
pub use self::option::*;
pub use self::oscore::*;
pub use self::pdu::*;
pub use self::prng::*;
pub use self::proxy::*;
pub use self::resource::*;
pub use self::session::*;
pub use self::str::*;
pub use self::subscribe::*;
pub use self::time::*;
pub use self::uri::*;
