//! The local address of a datagram, which the system tells and takes beside its bytes.

use crate::address::Address;
use crate::net::sockaddr::{in_addr, ipv4};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Room for the local address, the larger of the two kinds, and the size of segments.
// SAFETY: a computation on lengths.
const CONTROL: usize = unsafe {
    libc::CMSG_SPACE(size_of::<libc::in6_pktinfo>() as u32) + libc::CMSG_SPACE(size_of::<u16>() as u32)
} as usize;

/// The local side of a datagram: the address it was sent to or shall come from, and the interface.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Source {
    /// The address. Its port is not looked at; an unspecified or multicast address leaves the
    /// choice to the system.
    pub address: Address,
    /// The index of the interface; 0 leaves the choice to the system.
    pub ifindex: u32,
}

/// Memory for control messages, aligned for their headers.
#[repr(align(8))]
pub(super) struct Control([u8; CONTROL]);

impl Control {
    /// How much it holds.
    pub(super) const LEN: usize = CONTROL;

    pub(super) fn new() -> Control {
        Control([0; CONTROL])
    }

    /// Adds a control message to those that `header` has in this memory. What there is no room for is left out.
    pub(super) fn add<T: Copy>(&mut self, header: &mut libc::msghdr, level: i32, kind: i32, value: T) {
        let at: usize = header.msg_controllen as _;
        // SAFETY: computations on a length.
        let (len, space) = unsafe {
            let size = size_of::<T>() as u32;
            (libc::CMSG_LEN(size), libc::CMSG_SPACE(size) as usize)
        };
        let Some(room) = self.0.get_mut(at..at + space) else { return };
        let message = room.as_mut_ptr().cast::<libc::cmsghdr>();
        // SAFETY: `room` is as long as the message with its padding. It is aligned, as the memory is and as
        // CMSG_SPACE keeps it.
        unsafe {
            (*message).cmsg_level = level;
            (*message).cmsg_type = kind;
            (*message).cmsg_len = len as _;
            libc::CMSG_DATA(message).cast::<T>().write_unaligned(value);
        }
        header.msg_control = (&raw mut self.0).cast();
        header.msg_controllen = (at + space) as _;
    }
}

/// The destination of a received datagram.
pub(super) enum PacketInfo {
    V4 { sent_to: Ipv4Addr, reply_from: Ipv4Addr, ifindex: u32 },
    V6 { sent_to: Ipv6Addr, ifindex: u32 },
}

/// What the control messages of a received datagram tell of its destination.
///
/// # Safety
/// `header` is as a successful receive left it.
pub(super) unsafe fn packet_info(header: &libc::msghdr) -> Option<PacketInfo> {
    // SAFETY: the first message if there is one, else NULL.
    let mut at = unsafe { libc::CMSG_FIRSTHDR(header) };
    // SAFETY: NULL, or a message within the control buffer.
    while let Some(message) = unsafe { at.as_ref() } {
        // SAFETY: a message of this level and type holds this struct; it may be unaligned.
        unsafe {
            match (message.cmsg_level, message.cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                    let info = libc::CMSG_DATA(at).cast::<libc::in_pktinfo>().read_unaligned();
                    return Some(PacketInfo::V4 {
                        sent_to: ipv4(info.ipi_addr),
                        reply_from: ipv4(info.ipi_spec_dst),
                        ifindex: info.ipi_ifindex as u32,
                    });
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    let info = libc::CMSG_DATA(at).cast::<libc::in6_pktinfo>().read_unaligned();
                    return Some(PacketInfo::V6 {
                        sent_to: Ipv6Addr::from(info.ipi6_addr.s6_addr),
                        ifindex: info.ipi6_ifindex,
                    });
                }
                _ => at = libc::CMSG_NXTHDR(header, at),
            }
        }
    }
    None
}

/// The IP address; an IPv4-mapped one as IPv4.
fn unmapped(address: &Address) -> Option<IpAddr> {
    match address {
        Address::Ip(a) => Some(a.ip().to_canonical()),
        Address::Unix(_) => None,
    }
}

/// The address, if datagrams can leave from it.
fn chosen(address: &Address) -> Option<IpAddr> {
    unmapped(address).filter(|ip| !ip.is_unspecified() && !ip.is_multicast())
}

/// Where a datagram to be sent shall leave from, as the system takes it.
pub(super) enum PacketSource {
    V4(libc::in_pktinfo),
    V6(libc::in6_pktinfo),
}

impl PacketSource {
    /// The kind follows the destination, as an IPv6 socket sends to IPv4-mapped addresses with the
    /// means of IPv4.
    pub(super) fn new(source: &Source, remote: Option<&Address>) -> Option<PacketSource> {
        let from = chosen(&source.address);
        if from.is_none() && source.ifindex == 0 {
            return None;
        }
        Some(match unmapped(remote.unwrap_or(&source.address))? {
            IpAddr::V4(_) => PacketSource::V4(libc::in_pktinfo {
                ipi_ifindex: source.ifindex as _,
                ipi_spec_dst: in_addr(match from {
                    Some(IpAddr::V4(ip)) => ip,
                    _ => Ipv4Addr::UNSPECIFIED,
                }),
                ipi_addr: in_addr(Ipv4Addr::UNSPECIFIED),
            }),
            IpAddr::V6(_) => PacketSource::V6(libc::in6_pktinfo {
                ipi6_addr: libc::in6_addr {
                    s6_addr: match from {
                        Some(IpAddr::V6(ip)) => ip.octets(),
                        _ => [0; 16],
                    },
                },
                ipi6_ifindex: source.ifindex as _,
            }),
        })
    }

    /// Adds it to the control messages of a datagram.
    pub(super) fn write(&self, control: &mut Control, header: &mut libc::msghdr) {
        match self {
            PacketSource::V4(info) => control.add(header, libc::IPPROTO_IP, libc::IP_PKTINFO, *info),
            PacketSource::V6(info) => control.add(header, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, *info),
        }
    }
}

impl PartialEq for PacketSource {
    fn eq(&self, other: &PacketSource) -> bool {
        match (self, other) {
            (PacketSource::V4(a), PacketSource::V4(b)) => {
                (a.ipi_ifindex, a.ipi_spec_dst.s_addr) == (b.ipi_ifindex, b.ipi_spec_dst.s_addr)
            }
            (PacketSource::V6(a), PacketSource::V6(b)) => {
                (a.ipi6_ifindex, a.ipi6_addr.s6_addr) == (b.ipi6_ifindex, b.ipi6_addr.s6_addr)
            }
            _ => false,
        }
    }
}
