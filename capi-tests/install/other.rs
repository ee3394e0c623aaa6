//! A Rust library that a C program may well link beside ours: its own copy of the standard library
//! must not get in the way.

/// Panics inside and survives it, so that unwinding is part of what is linked.
#[unsafe(no_mangle)]
pub extern "C" fn other_rust_library() -> i32 {
    std::panic::set_hook(Box::new(|_| ()));
    i32::from(std::panic::catch_unwind(|| panic!("seen")).is_err())
}
