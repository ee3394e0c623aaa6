//! Datagram sockets, of UDP and of the Unix domain: one for an endpoint, one for each client session.

use super::send::send_one;
use super::{Outcome, RecvBatch, SendBatch, Source};
use crate::address::Address;
use crate::net::bind::{bind_client, bind_server};
use crate::net::interface;
use crate::net::sockaddr::{address_of, to_system};
use crate::net::unix::{self, SocketFile};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

/// What a server asks of the system for bursts; it grants up to its own limit.
const SERVER_BUFFER: usize = 4 << 20;

/// A non-blocking socket for datagrams.
#[derive(Debug)]
pub struct UdpSocket {
    /// What it is bound to in the Unix domain. It goes before the socket does.
    file: Option<SocketFile>,
    socket: Socket,
    /// What it is bound to, read once.
    local: Address,
    /// Whom it is connected to, in the Unix domain.
    peer: Option<SockAddr>,
}

impl UdpSocket {
    /// A server's socket. On an IPv6 address it also takes IPv4, whose peers then show as
    /// IPv4-mapped addresses.
    pub fn bind(local: &Address) -> io::Result<UdpSocket> {
        let socket = new_socket(local)?;
        // More than the system allows is cut to what it allows; less than asked is no reason to fail.
        let _ = socket.set_recv_buffer_size(SERVER_BUFFER);
        let _ = socket.set_send_buffer_size(SERVER_BUFFER);
        if let Address::Ip(_) = local {
            ask_for_destination(&socket, local)?;
        }
        let file = bind_server(&socket, local)?;
        UdpSocket::bound(socket, file)
    }

    /// A client's socket towards one peer. Being connected, it hears from the system when the peer's
    /// host says that nobody listens. In the Unix domain it needs a `local` address, for the answers.
    pub fn connect(local: Option<&Address>, remote: &Address) -> io::Result<UdpSocket> {
        let socket = new_socket(remote)?;
        let file = match (local, remote) {
            (Some(local), _) => bind_client(&socket, local, remote)?,
            (None, Address::Ip(_)) => None,
            (None, Address::Unix(_)) => {
                let why = "a Unix domain socket needs a local path";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
            }
        };
        let peer = to_system(remote)?;
        socket.connect(&peer)?;
        let peer = matches!(remote, Address::Unix(_)).then_some(peer);
        Ok(UdpSocket { peer, ..UdpSocket::bound(socket, file)? })
    }

    /// A client's socket towards a multicast group or broadcast address, where answers come from
    /// others than it was sent to.
    pub fn open(local: Option<&Address>, remote: &Address) -> io::Result<UdpSocket> {
        let socket = new_socket(remote)?;
        ask_for_destination(&socket, remote)?;
        if interface::is_broadcast(remote) {
            socket.set_broadcast(true)?;
        }
        let any = match remote {
            Address::Ip(SocketAddr::V4(_)) => Address::Ip((Ipv4Addr::UNSPECIFIED, 0).into()),
            _ => Address::Ip((Ipv6Addr::UNSPECIFIED, 0).into()),
        };
        let file = bind_client(&socket, local.unwrap_or(&any), remote)?;
        UdpSocket::bound(socket, file)
    }

    fn bound(socket: Socket, file: Option<SocketFile>) -> io::Result<UdpSocket> {
        let local = address_of(&socket.local_addr()?)?;
        Ok(UdpSocket { socket, local, file, peer: None })
    }

    /// Gives up the path of a Unix domain socket before the socket itself is closed, which others may
    /// still hold.
    pub fn leave_path(&self) {
        self.file.iter().for_each(SocketFile::remove);
    }

    /// The address it is bound to.
    pub fn local_addr(&self) -> &Address {
        &self.local
    }

    /// Takes in the datagrams that wait, up to a batch full. None is `Ok(0)`. An error that the
    /// network reported for an earlier datagram comes as `Err` and is then forgotten by the system.
    pub fn recv_batch(&self, batch: &mut RecvBatch) -> io::Result<usize> {
        batch.fill(self.as_fd(), &self.local)
    }

    /// Sends the datagrams of a batch, up to the first that fails. A client of the Unix domain whose
    /// server has gone connects to the one that is at its path now.
    pub fn send_batch(&self, batch: &mut SendBatch) -> Outcome {
        let outcome = batch.flush(self.as_fd());
        match (&self.peer, &outcome.error) {
            (Some(peer), Some(error)) if is_gone(error) && self.socket.connect(peer).is_ok() => {
                let rest = batch.flush(self.as_fd());
                Outcome { sent: outcome.sent + rest.sent, error: rest.error }
            }
            _ => outcome,
        }
    }

    /// Whether it is one of the Unix domain.
    pub fn is_unix(&self) -> bool {
        matches!(self.local, Address::Unix(_))
    }

    /// Sends one datagram: to `remote`, or to the peer it is connected to; from `source`, or as the
    /// system chooses.
    pub fn send(&self, remote: Option<&Address>, source: Option<&Source>, bytes: &[u8]) -> io::Result<usize> {
        send_one(self.as_fd(), remote, source, bytes)
    }

    /// Joins a multicast group on an interface, given by name or index; by default the one the
    /// system prefers.
    pub fn join_multicast(&self, group: IpAddr, interface: Option<&str>) -> io::Result<()> {
        let index = interface.map_or(Ok(0), interface::index_of)?;
        match group {
            IpAddr::V4(group) => self.socket.join_multicast_v4_n(&group, &by_index(index)),
            IpAddr::V6(group) => self.socket.join_multicast_v6(&group, index),
        }
    }

    /// Leaves a group joined with the same arguments.
    pub fn leave_multicast(&self, group: IpAddr, interface: Option<&str>) -> io::Result<()> {
        let index = interface.map_or(Ok(0), interface::index_of)?;
        match group {
            IpAddr::V4(group) => self.socket.leave_multicast_v4_n(&group, &by_index(index)),
            IpAddr::V6(group) => self.socket.leave_multicast_v6(&group, index),
        }
    }

    /// How many hops multicast datagrams may travel.
    pub fn set_multicast_hops(&self, hops: u8) -> io::Result<()> {
        match self.local {
            Address::Ip(SocketAddr::V6(_)) => self.socket.set_multicast_hops_v6(hops.into()),
            _ => self.socket.set_multicast_ttl_v4(hops.into()),
        }
    }
}

impl AsRawFd for UdpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl AsFd for UdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Whether nobody is at the path of a Unix domain socket any more.
pub fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, ConnectionReset, NotConnected, NotFound};
    matches!(error.kind(), ConnectionRefused | ConnectionReset | NotConnected | NotFound)
}

fn by_index(index: u32) -> socket2::InterfaceIndexOrAddress {
    socket2::InterfaceIndexOrAddress::Index(index)
}

fn new_socket(address: &Address) -> io::Result<Socket> {
    let Address::Ip(ip) = address else { return unix::new_socket(Type::DGRAM) };
    let socket = Socket::new(Domain::for_address(*ip), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    if ip.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    Ok(socket)
}

/// Has the system tell with each datagram what address it was sent to.
fn ask_for_destination(socket: &Socket, address: &Address) -> io::Result<()> {
    let (level, option) = match address {
        Address::Ip(SocketAddr::V4(_)) => (libc::IPPROTO_IP, libc::IP_PKTINFO),
        _ => (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO),
    };
    let on: libc::c_int = 1;
    // SAFETY: `on` is what the option takes, and its size is given.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn ip(text: &str) -> Address {
        Address::Ip(text.parse().unwrap())
    }

    /// Receives until something came, as loopback delivers at once but not within the send.
    fn recv(socket: &UdpSocket, batch: &mut RecvBatch) -> io::Result<usize> {
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            match socket.recv_batch(batch) {
                Ok(0) => assert!(Instant::now() < deadline, "nothing came"),
                other => return other,
            }
        }
    }

    fn with_port(text: &str, of: &UdpSocket) -> Address {
        let mut address: SocketAddr = text.parse().unwrap();
        address.set_port(of.local_addr().port());
        Address::Ip(address)
    }

    /// A request from `client` to `server` at `at`, and the answer: where each came from.
    fn exchange(server: &str, at: &str) -> (Address, Address, Address, Address) {
        let server = UdpSocket::bind(&ip(server)).unwrap();
        let at = with_port(at, &server);
        let client = UdpSocket::connect(None, &at).unwrap();
        client.send(None, None, b"request").unwrap();
        let mut batch = RecvBatch::new();
        assert_eq!(recv(&server, &mut batch).unwrap(), 1);
        let request = batch.get(0).unwrap();
        assert_eq!(request.data, b"request");
        let source = Source { address: request.reply_from.clone(), ifindex: request.ifindex };
        server.send(Some(&request.remote), Some(&source), b"answer").unwrap();
        let (seen_local, seen_remote) = (request.local.clone(), request.remote.clone());
        // The client is connected: an answer from another address would not reach it.
        assert_eq!(recv(&client, &mut batch).unwrap(), 1);
        let answer = batch.get(0).unwrap();
        assert_eq!(answer.data, b"answer");
        assert_eq!(answer.local, *client.local_addr());
        (at, seen_local, client.local_addr().clone(), seen_remote)
    }

    #[test]
    fn ipv4_on_a_wildcard_address_answers_from_where_the_request_came_to() {
        let (at, seen_local, client, seen_remote) = exchange("0.0.0.0:0", "127.3.2.1:0");
        assert_eq!((at, client), (seen_local, seen_remote));
    }

    #[test]
    fn ipv6_sees_the_peers_address() {
        let (at, seen_local, client, seen_remote) = exchange("[::]:0", "[::1]:0");
        assert_eq!((at, client), (seen_local, seen_remote));
    }

    #[test]
    fn a_dual_stack_endpoint_sees_ipv4_peers_as_mapped_addresses() {
        let (_, seen_local, client, seen_remote) = exchange("[::]:0", "127.0.0.9:0");
        let Address::Ip(SocketAddr::V6(local)) = seen_local else { panic!("{seen_local:?}") };
        assert_eq!(local.ip().to_ipv4_mapped(), Some(Ipv4Addr::new(127, 0, 0, 9)));
        let Address::Ip(SocketAddr::V6(remote)) = seen_remote else { panic!("{seen_remote:?}") };
        assert_eq!(remote.ip().to_ipv4_mapped(), Some(Ipv4Addr::LOCALHOST));
        assert_eq!(remote.port(), client.port());
    }

    #[test]
    fn one_socket_plays_many_peers() {
        let server = UdpSocket::bind(&ip("127.0.0.1:0")).unwrap();
        let peers = UdpSocket::bind(&ip("0.0.0.0:0")).unwrap();
        let mut out = SendBatch::new();
        for i in 0..200u8 {
            let address = with_port(&format!("127.7.0.{i}:0"), &peers);
            out.push(Some(server.local_addr()), Some(&Source { address, ifindex: 0 }), &[i]).unwrap();
        }
        let outcome = peers.send_batch(&mut out);
        assert!(outcome.error.is_none());
        assert_eq!((outcome.sent, out.len()), (200, 0));
        let (mut batch, mut seen) = (RecvBatch::new(), Vec::new());
        while seen.len() < 200 {
            recv(&server, &mut batch).unwrap();
            seen.extend(batch.iter().map(|d| (d.data.to_vec(), d.remote)));
        }
        let wanted: Vec<_> =
            (0..200u8).map(|i| (vec![i], with_port(&format!("127.7.0.{i}:0"), &peers))).collect();
        assert_eq!(seen, wanted);
    }

    #[test]
    fn the_largest_datagrams_arrive_whole_side_by_side() {
        let server = UdpSocket::bind(&ip("127.0.0.1:0")).unwrap();
        let client = UdpSocket::connect(None, server.local_addr()).unwrap();
        let big: Vec<u8> = (0..65_507u32).map(|i| (i % 251) as u8).collect();
        client.send(None, None, &big).unwrap();
        client.send(None, None, b"").unwrap();
        client.send(None, None, &big[1..]).unwrap();
        let (mut batch, mut seen) = (RecvBatch::new(), Vec::new());
        while seen.len() < 3 {
            recv(&server, &mut batch).unwrap();
            seen.extend(batch.iter().map(|d| d.data.to_vec()));
        }
        assert!(seen == [big.clone(), Vec::new(), big[1..].to_vec()]);
    }

    #[test]
    fn a_connected_client_hears_that_nobody_listens() {
        let free = UdpSocket::bind(&ip("127.0.0.1:0")).unwrap().local_addr().clone();
        let client = UdpSocket::connect(None, &free).unwrap();
        client.send(None, None, b"anybody?").unwrap();
        let error = recv(&client, &mut RecvBatch::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(client.recv_batch(&mut RecvBatch::new()).unwrap(), 0);
    }

    #[test]
    fn a_batch_stops_at_the_datagram_that_fails_and_goes_on_behind_it() {
        let server = UdpSocket::bind(&ip("127.0.0.1:0")).unwrap();
        let client = UdpSocket::bind(&ip("127.0.0.1:0")).unwrap();
        let mut out = SendBatch::new();
        out.push(Some(server.local_addr()), None, b"1").unwrap();
        out.push(Some(server.local_addr()), None, &[0; 70_000]).unwrap();
        out.push(Some(server.local_addr()), None, b"3").unwrap();
        let outcome = client.send_batch(&mut out);
        assert_eq!((outcome.sent, out.len()), (1, 2));
        assert_eq!(outcome.error.unwrap().raw_os_error(), Some(libc::EMSGSIZE));
        out.skip();
        let outcome = client.send_batch(&mut out);
        assert!(outcome.sent == 1 && outcome.error.is_none() && out.is_empty());
        let (mut batch, mut seen) = (RecvBatch::new(), Vec::new());
        while seen.len() < 2 {
            recv(&server, &mut batch).unwrap();
            seen.extend(batch.iter().map(|d| d.data.to_vec()));
        }
        assert_eq!(seen, [b"1", b"3"]);
    }

    #[test]
    fn a_client_binds_to_the_address_it_is_told() {
        let server = UdpSocket::bind(&ip("127.0.0.1:0")).unwrap();
        let client = UdpSocket::connect(Some(&ip("127.0.0.4:0")), server.local_addr()).unwrap();
        let Address::Ip(local) = client.local_addr() else { panic!() };
        assert_eq!(local.ip(), IpAddr::from([127, 0, 0, 4]));
        assert!(UdpSocket::connect(Some(&ip("[::1]:0")), server.local_addr()).is_err());
    }

    #[test]
    fn a_group_is_joined_by_interface_and_told_as_the_destination() {
        for any in ["0.0.0.0:0", "[::]:0"] {
            let server = UdpSocket::bind(&ip(any)).unwrap();
            let group: IpAddr = "224.0.1.187".parse().unwrap();
            server.join_multicast(group, Some("lo")).unwrap();
            assert!(server.join_multicast(group, Some("no-such-interface")).is_err());
            let to = with_port("224.0.1.187:0", &server);
            let client = UdpSocket::open(None, &to).unwrap();
            client.set_multicast_hops(2).unwrap();
            let lo = Source {
                address: ip("127.0.0.1:0"),
                ifindex: crate::net::interface::index_of("lo").unwrap(),
            };
            client.send(Some(&to), Some(&lo), b"all").unwrap();
            let mut batch = RecvBatch::new();
            recv(&server, &mut batch).unwrap();
            let got = batch.get(0).unwrap();
            assert!(got.local.is_multicast() && !got.reply_from.is_multicast());
            let source = Source { address: got.reply_from.clone(), ifindex: got.ifindex };
            server.send(Some(&got.remote), Some(&source), b"me").unwrap();
            let mut answer = RecvBatch::new();
            recv(&client, &mut answer).unwrap();
            assert_eq!(answer.get(0).unwrap().data, b"me");
            server.leave_multicast(group, Some("lo")).unwrap();
        }
    }
}
