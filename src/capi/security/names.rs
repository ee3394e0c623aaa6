//! What the names of servers have got, so that the application is asked once for each.

use core::ffi::CStr;
use hashbrown::HashMap;
use parking_lot::Mutex;

/// How many names are remembered. Clients choose them, and an application may have something for any.
const MAX_NAMES: usize = 1024;

/// What names have got. They are compared without case (RFC 6066 §3).
pub(super) struct Names<T>(Mutex<HashMap<Box<[u8]>, T>>);

impl<T> Default for Names<T> {
    fn default() -> Self {
        Names(Mutex::default())
    }
}

impl<T: Clone> Names<T> {
    /// What this name has, or what `ask` has for it. That a name has nothing is not remembered.
    pub(super) fn find(&self, name: &CStr, ask: impl FnOnce() -> Option<T>) -> Option<T> {
        let name = name.to_bytes().to_ascii_lowercase().into_boxed_slice();
        if let Some(known) = self.0.lock().get(&name) {
            return Some(known.clone());
        }
        // Nothing is locked while the application is asked.
        let new = ask()?;
        let mut names = self.0.lock();
        if names.len() < MAX_NAMES {
            names.insert(name, new.clone());
        }
        Some(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CString;

    #[test]
    fn a_name_is_asked_for_once_in_whatever_case() {
        let names = Names::default();
        assert_eq!(names.find(c"Good.Example", || Some(1)), Some(1));
        assert_eq!(names.find(c"good.example", || Some(2)), Some(1));
        assert_eq!(names.find(c"", || Some(3)), Some(3));
        assert_eq!(names.find(c"", || Some(4)), Some(3));
    }

    #[test]
    fn a_refused_name_is_asked_for_again() {
        let names = Names::default();
        assert_eq!(names.find(c"bad.example", || None::<u8>), None);
        assert_eq!(names.find(c"bad.example", || Some(1)), Some(1));
    }

    #[test]
    fn names_beyond_the_limit_are_asked_for_each_time() {
        let names = Names::default();
        let name = |n: usize| CString::new(n.to_string()).unwrap();
        for n in 0..MAX_NAMES {
            assert_eq!(names.find(&name(n), || Some(1)), Some(1));
        }
        assert_eq!(names.find(&name(MAX_NAMES), || Some(2)), Some(2));
        assert_eq!(names.find(&name(MAX_NAMES), || Some(3)), Some(3));
        assert_eq!(names.find(&name(0), || Some(4)), Some(1));
        assert_eq!(names.0.lock().len(), MAX_NAMES);
    }
}
