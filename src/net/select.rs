//! Waiting as select(2) does, together with the application's descriptors.

use core::mem::zeroed;
use core::time::Duration;
use std::io;
use std::os::fd::RawFd;

/// For each of the three sets: what poll(2) watches for it, and what it then calls ready.
const KINDS: [(libc::c_short, libc::c_short); 3] = [
    (libc::POLLIN, libc::POLLIN | libc::POLLHUP | libc::POLLERR),
    (libc::POLLOUT, libc::POLLOUT | libc::POLLERR),
    (libc::POLLPRI, libc::POLLPRI),
];

/// The application's sets: for reading, writing and exceptions.
pub struct FdSets<'a> {
    /// One more than the largest descriptor in them.
    limit: RawFd,
    sets: [Option<&'a mut libc::fd_set>; 3],
}

impl<'a> FdSets<'a> {
    /// The sets as select(2) takes them. Descriptors from `nfds` on are not looked at.
    pub fn new(
        nfds: i32,
        read: Option<&'a mut libc::fd_set>,
        write: Option<&'a mut libc::fd_set>,
        except: Option<&'a mut libc::fd_set>,
    ) -> FdSets<'a> {
        FdSets { limit: nfds.clamp(0, libc::FD_SETSIZE as RawFd), sets: [read, write, except] }
    }

    /// Which of poll's events a descriptor is watched for.
    fn events(&self, fd: RawFd) -> libc::c_short {
        let watched = |set: &Option<&mut libc::fd_set>| {
            // SAFETY: `fd` is from 0 up to the size of a set.
            set.as_deref().is_some_and(|set| unsafe { libc::FD_ISSET(fd, set) })
        };
        KINDS.iter().zip(&self.sets).filter(|(_, set)| watched(set)).fold(0, |all, (kind, _)| all | kind.0)
    }

    /// Leaves in the sets what was in them and is ready.
    fn keep(&mut self, ready: &[libc::pollfd]) {
        for ((event, means), set) in KINDS.iter().zip(&mut self.sets) {
            let Some(set) = set.as_deref_mut() else { continue };
            // SAFETY: plain data for which zero is a value: the empty set.
            *set = unsafe { zeroed() };
            for poll in ready.iter().filter(|p| p.events & event != 0 && p.revents & means != 0) {
                // SAFETY: the descriptors come from `events` and so are within a set.
                unsafe { libc::FD_SET(poll.fd, set) };
            }
        }
    }
}

/// Waits until a descriptor of the sets is ready, `fd` is readable, or `timeout` (none: for ever)
/// passes; a signal ends it too. The sets then hold those that are ready, and are as they were if it
/// fails. `fd` is not reported in them, and may be larger than they can hold.
///
/// Returns whether `fd` is readable.
pub fn select(sets: &mut FdSets<'_>, fd: RawFd, timeout: Option<Duration>) -> io::Result<bool> {
    let mut watched: Vec<libc::pollfd> = (0..sets.limit)
        .map(|fd| libc::pollfd { fd, events: sets.events(fd), revents: 0 })
        .filter(|poll| poll.events != 0)
        .collect();
    watched.push(libc::pollfd { fd, events: libc::POLLIN, revents: 0 });
    let span = timeout.map(|t| libc::timespec {
        tv_sec: libc::time_t::try_from(t.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: t.subsec_nanos().into(),
    });
    let span = span.as_ref().map_or(core::ptr::null(), |t| t as *const libc::timespec);
    // SAFETY: as many entries as is said; a time-out that is NULL or alive; no signal mask.
    let n =
        unsafe { libc::ppoll(watched.as_mut_ptr(), watched.len() as libc::nfds_t, span, core::ptr::null()) };
    if n < 0 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
        watched.iter_mut().for_each(|poll| poll.revents = 0);
    }
    let Some((own, theirs)) = watched.split_last() else { return Ok(false) };
    if theirs.iter().any(|poll| poll.revents & libc::POLLNVAL != 0) {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    sets.keep(theirs);
    Ok(own.revents != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixDatagram;

    fn set_of(fds: &[RawFd]) -> libc::fd_set {
        // SAFETY: plain data for which zero is a value; the descriptors are small.
        unsafe {
            let mut set = zeroed();
            fds.iter().for_each(|fd| libc::FD_SET(*fd, &mut set));
            set
        }
    }

    fn has(set: &libc::fd_set, fd: RawFd) -> bool {
        // SAFETY: the descriptors are small.
        unsafe { libc::FD_ISSET(fd, set) }
    }

    #[test]
    fn the_sets_keep_what_is_ready() {
        let (a, b) = UnixDatagram::pair().unwrap();
        let (own, _other) = UnixDatagram::pair().unwrap();
        let (x, y) = (a.as_raw_fd(), b.as_raw_fd());
        b.send(b"x").unwrap();
        let (mut read, mut write) = (set_of(&[x, y]), set_of(&[y]));
        let mut sets = FdSets::new(x.max(y) + 1, Some(&mut read), Some(&mut write), None);
        assert!(!select(&mut sets, own.as_raw_fd(), None).unwrap());
        assert!(has(&read, x) && !has(&read, y) && has(&write, y) && !has(&write, x));
    }

    #[test]
    fn its_own_descriptor_ends_the_wait_and_is_not_reported() {
        let (own, other) = UnixDatagram::pair().unwrap();
        other.send(b"x").unwrap();
        let mut read = set_of(&[]);
        let mut sets = FdSets::new(1024, Some(&mut read), None, None);
        assert!(select(&mut sets, own.as_raw_fd(), None).unwrap());
        assert!(!has(&read, own.as_raw_fd()));
    }

    #[test]
    fn the_time_out_leaves_nothing_ready() {
        let (a, _b) = UnixDatagram::pair().unwrap();
        let mut read = set_of(&[a.as_raw_fd()]);
        let mut sets = FdSets::new(1024, Some(&mut read), None, None);
        assert!(!select(&mut sets, a.as_raw_fd(), Some(Duration::from_millis(1))).unwrap());
        assert!(!has(&read, a.as_raw_fd()));
    }

    #[test]
    fn a_closed_descriptor_is_an_error_and_the_sets_stay() {
        let (own, _other) = UnixDatagram::pair().unwrap();
        let mut read = set_of(&[1023]);
        let mut sets = FdSets::new(1024, Some(&mut read), None, None);
        assert!(select(&mut sets, own.as_raw_fd(), Some(Duration::ZERO)).is_err());
        assert!(has(&read, 1023));
    }
}
