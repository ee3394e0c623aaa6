//! Waiting for descriptors, for deadlines, and for other threads: one epoll set that holds a
//! timer and a wake-up besides the sockets, so that its own descriptor tells of all three.

use super::eager::{Eager, LOOKING};
use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Instant;

/// What happened to a registered descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ready {
    /// The number it was registered with.
    pub token: u64,
    /// Reading will not block.
    pub readable: bool,
    /// Writing will not block.
    pub writable: bool,
    /// An error or hang-up is pending; reading or writing will tell which.
    pub error: bool,
}

/// How many descriptors one call of the system reports.
const EVENTS: usize = 64;
const WAKE: u64 = u64::MAX;
const TIMER: u64 = u64::MAX - 1;

/// An epoll set. All methods take `&self` and may be called from any thread.
#[derive(Debug)]
pub struct Poller {
    epoll: OwnedFd,
    wake: OwnedFd,
    timer: OwnedFd,
    eager: Eager,
}

impl Poller {
    /// The largest token that [`add`](Poller::add) takes.
    pub const MAX_TOKEN: u64 = TIMER - 1;

    /// An empty set.
    pub fn new() -> io::Result<Poller> {
        // SAFETY: each call makes a new descriptor or fails.
        let poller = unsafe {
            Poller {
                epoll: owned(libc::epoll_create1(libc::EPOLL_CLOEXEC))?,
                wake: owned(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK))?,
                timer: owned(libc::timerfd_create(
                    libc::CLOCK_MONOTONIC,
                    libc::TFD_CLOEXEC | libc::TFD_NONBLOCK,
                ))?,
                eager: Eager::new(),
            }
        };
        poller.control(libc::EPOLL_CTL_ADD, poller.wake.as_raw_fd(), WAKE, libc::EPOLLIN)?;
        poller.control(libc::EPOLL_CTL_ADD, poller.timer.as_raw_fd(), TIMER, libc::EPOLLIN)?;
        Ok(poller)
    }

    /// Registers a descriptor. It is reported for as long as it is ready (level-triggered).
    pub fn add(&self, fd: RawFd, token: u64, read: bool, write: bool) -> io::Result<()> {
        if token > Self::MAX_TOKEN {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.control(libc::EPOLL_CTL_ADD, fd, token, interest(read, write))
    }

    /// Changes what a registered descriptor is watched for.
    pub fn modify(&self, fd: RawFd, token: u64, read: bool, write: bool) -> io::Result<()> {
        if token > Self::MAX_TOKEN {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.control(libc::EPOLL_CTL_MOD, fd, token, interest(read, write))
    }

    /// Takes a descriptor out. To be called before it is closed.
    pub fn remove(&self, fd: RawFd) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, fd, 0, 0)
    }

    /// Waits until something is ready, [`wake`](Poller::wake) is called, the timer runs out or
    /// `timeout` (none: for ever) passes, and writes what is ready into `ready`, which is emptied
    /// first. A signal ends the wait too: the application wants to look at what its handler did.
    pub fn wait(&self, timeout: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()> {
        ready.clear();
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS];
        let timeout = milliseconds(timeout);
        let begin = Instant::now();
        if timeout != 0 && self.eager.looks() {
            while begin.elapsed() < LOOKING {
                let n = self.look(0, &mut events)?;
                if n > 0 {
                    self.eager.looked(true);
                    self.report(&events, n, ready);
                    return Ok(());
                }
            }
            self.eager.looked(false);
        }
        let begin = Instant::now();
        let n = self.look(timeout, &mut events)?;
        if n > 0 && timeout != 0 {
            self.eager.slept(begin.elapsed());
        }
        self.report(&events, n, ready);
        Ok(())
    }

    /// Asks the system what is ready, and waits for it for so many milliseconds; -1 for ever. A signal
    /// ends the wait with nothing.
    fn look(&self, timeout: libc::c_int, events: &mut [libc::epoll_event; EVENTS]) -> io::Result<usize> {
        // SAFETY: room for as many events as is said.
        let n = unsafe {
            libc::epoll_wait(self.epoll.as_raw_fd(), events.as_mut_ptr(), EVENTS as libc::c_int, timeout)
        };
        usize::try_from(n).or_else(|_| {
            let error = io::Error::last_os_error();
            if error.kind() == io::ErrorKind::Interrupted { Ok(0) } else { Err(error) }
        })
    }

    /// Writes down what is ready; the wake-up and the timer are this set's own.
    fn report(&self, events: &[libc::epoll_event; EVENTS], n: usize, ready: &mut Vec<Ready>) {
        for event in events.iter().take(n) {
            let flags = event.events as libc::c_int;
            match event.u64 {
                WAKE => drain(self.wake.as_fd()),
                TIMER => drain(self.timer.as_fd()),
                token => ready.push(Ready {
                    token,
                    readable: flags & libc::EPOLLIN != 0,
                    writable: flags & libc::EPOLLOUT != 0,
                    error: flags & (libc::EPOLLERR | libc::EPOLLHUP) != 0,
                }),
            }
        }
    }

    /// Ends the current wait, or the next if nobody waits.
    pub fn wake(&self) {
        let one = 1u64;
        // SAFETY: eight bytes. A full counter cannot take more, and wakes as it is.
        unsafe { libc::write(self.wake.as_raw_fd(), (&raw const one).cast(), size_of::<u64>()) };
    }

    /// Sets when the set's descriptor becomes readable by itself, counted from now; none: never.
    /// For those who wait on that descriptor; [`wait`](Poller::wait) has its own time-out.
    pub fn arm(&self, after: Option<Duration>) -> io::Result<()> {
        // All zero disarms, so that "now" is a nanosecond from now.
        let value = match after {
            None => libc::timespec { tv_sec: 0, tv_nsec: 0 },
            Some(after) => libc::timespec {
                tv_sec: libc::time_t::try_from(after.as_secs()).unwrap_or(libc::time_t::MAX),
                tv_nsec: if after.is_zero() { 1 } else { after.subsec_nanos().into() },
            },
        };
        let once =
            libc::itimerspec { it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        // SAFETY: the new value is read, the old one not asked for.
        let result =
            unsafe { libc::timerfd_settime(self.timer.as_raw_fd(), 0, &once, core::ptr::null_mut()) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    fn control(&self, what: libc::c_int, fd: RawFd, token: u64, interest: libc::c_int) -> io::Result<()> {
        let mut event = libc::epoll_event { events: interest as u32, u64: token };
        // SAFETY: the event is read during the call only.
        let result = unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), what, fd, &mut event) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

impl AsRawFd for Poller {
    fn as_raw_fd(&self) -> RawFd {
        self.epoll.as_raw_fd()
    }
}

/// # Safety
/// `fd` is -1, or a descriptor that nobody else owns.
unsafe fn owned(fd: libc::c_int) -> io::Result<OwnedFd> {
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: as promised.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn interest(read: bool, write: bool) -> libc::c_int {
    (if read { libc::EPOLLIN } else { 0 }) | (if write { libc::EPOLLOUT } else { 0 })
}

/// Rounded up, so that a deadline has passed when the wait for it ends.
pub(super) fn milliseconds(timeout: Option<Duration>) -> libc::c_int {
    match timeout {
        None => -1,
        Some(t) => libc::c_int::try_from(t.as_nanos().div_ceil(1_000_000)).unwrap_or(libc::c_int::MAX),
    }
}

/// Reads the counter of an eventfd or timerfd, which makes it unreadable again.
fn drain(fd: BorrowedFd<'_>) {
    let mut count = 0u64;
    // SAFETY: eight bytes. That another thread was faster is no harm.
    unsafe { libc::read(fd.as_raw_fd(), (&raw mut count).cast(), size_of::<u64>()) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn readable(fd: RawFd) -> bool {
        let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        // SAFETY: one entry.
        unsafe { libc::poll(&mut poll, 1, 0) == 1 }
    }

    #[test]
    fn a_ready_descriptor_is_reported_with_its_token() {
        let (a, b) = std::os::unix::net::UnixDatagram::pair().unwrap();
        let poller = Poller::new().unwrap();
        poller.add(a.as_raw_fd(), 7, true, false).unwrap();
        let mut ready = Vec::new();
        poller.wait(Some(Duration::ZERO), &mut ready).unwrap();
        assert_eq!(ready, []);
        b.send(b"x").unwrap();
        poller.wait(Some(Duration::from_secs(5)), &mut ready).unwrap();
        assert_eq!(ready, [Ready { token: 7, readable: true, writable: false, error: false }]);
        poller.modify(a.as_raw_fd(), 8, false, true).unwrap();
        poller.wait(Some(Duration::from_secs(5)), &mut ready).unwrap();
        assert_eq!(ready, [Ready { token: 8, readable: false, writable: true, error: false }]);
        poller.remove(a.as_raw_fd()).unwrap();
        poller.wait(Some(Duration::ZERO), &mut ready).unwrap();
        assert_eq!(ready, []);
    }

    #[test]
    fn tokens_of_its_own_are_refused() {
        let poller = Poller::new().unwrap();
        assert!(poller.add(0, u64::MAX, true, false).is_err());
        assert!(poller.add(0, Poller::MAX_TOKEN + 1, true, false).is_err());
    }

    #[test]
    fn another_thread_ends_the_wait_once() {
        let poller = Poller::new().unwrap();
        let mut ready = Vec::new();
        std::thread::scope(|threads| {
            threads.spawn(|| poller.wake());
            poller.wait(None, &mut ready).unwrap();
        });
        assert_eq!(ready, []);
        assert!(!readable(poller.as_raw_fd()));
    }

    #[test]
    fn an_armed_timer_makes_the_descriptor_readable_until_the_next_wait() {
        let poller = Poller::new().unwrap();
        poller.arm(Some(Duration::from_secs(3600))).unwrap();
        assert!(!readable(poller.as_raw_fd()));
        poller.arm(Some(Duration::ZERO)).unwrap();
        let deadline = Instant::now() + Duration::from_secs(5);
        while !readable(poller.as_raw_fd()) {
            assert!(Instant::now() < deadline);
        }
        poller.wait(None, &mut Vec::new()).unwrap();
        assert!(!readable(poller.as_raw_fd()));
        poller.arm(None).unwrap();
        assert!(!readable(poller.as_raw_fd()));
    }

    #[test]
    fn a_wait_never_ends_before_its_time_out() {
        let poller = Poller::new().unwrap();
        let begin = Instant::now();
        poller.wait(Some(Duration::from_micros(1500)), &mut Vec::new()).unwrap();
        assert!(begin.elapsed() >= Duration::from_micros(1500));
    }
}
