//! Unix domain sockets, and the files that their paths are.
//!
//! Binding makes the file, and never takes the place of one that is there. Closing removes it, but
//! only if it still is the one that was made.

use super::sockaddr::to_system;
use crate::address::Address;
use socket2::{Domain, Socket, Type};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// The file that a socket is bound to. It is removed with this value, which must not live longer than the
/// socket: for as long as that is open, no other file has the same number.
#[derive(Debug)]
pub(super) struct SocketFile {
    /// Absolute, since the process may change its directory.
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl SocketFile {
    /// The file at a path that a socket was just bound to; `None` if it is no file but an abstract
    /// name.
    fn of(path: &[u8]) -> io::Result<Option<SocketFile>> {
        if let [] | [0, ..] = path {
            return Ok(None);
        }
        let path = std::path::absolute(Path::new(OsStr::from_bytes(path)))?;
        let file = fs::symlink_metadata(&path)?;
        Ok(Some(SocketFile { path, device: file.dev(), inode: file.ino() }))
    }

    /// Whether the path still leads to this file.
    fn is_there(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|file| {
            file.file_type().is_socket() && (file.dev(), file.ino()) == (self.device, self.inode)
        })
    }

    /// Removes the file, if it was not removed or replaced by somebody else.
    pub(super) fn remove(&self) {
        if self.is_there()
            && let Err(e) = fs::remove_file(&self.path)
        {
            crate::log!(WARN, "cannot remove {}: {e}", self.path.display());
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        self.remove();
    }
}

/// A socket of a kind that is bound to nothing yet.
pub(super) fn new_socket(kind: Type) -> io::Result<Socket> {
    Socket::new(Domain::UNIX, kind.nonblocking(), None)
}

/// Binds to a path. Fails if there is something at it, be it a socket that nobody has any more.
pub(super) fn bind(socket: &Socket, path: &[u8]) -> io::Result<Option<SocketFile>> {
    socket.bind(&to_system(&Address::Unix(path.into()))?)?;
    SocketFile::of(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{RecvBatch, SendBatch, StreamListener, StreamSocket, UdpSocket};

    /// A directory for one test, removed with it.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Directory {
            let path = std::env::temp_dir().join(format!("coap-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir(&path).unwrap();
            Directory(path)
        }

        fn at(&self, name: &str) -> (PathBuf, Address) {
            let path = self.0.join(name);
            let address = Address::Unix(path.as_os_str().as_bytes().into());
            (path, address)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn received(socket: &UdpSocket) -> Vec<(Address, Vec<u8>)> {
        let mut batch = RecvBatch::new();
        socket.recv_batch(&mut batch).unwrap();
        batch.iter().map(|d| (d.remote, d.data.to_vec())).collect()
    }

    fn abstract_name(name: &str) -> Address {
        Address::Unix(format!("\0coap-{name}-{}", std::process::id()).into_bytes().into())
    }

    #[test]
    fn a_request_and_its_answer_pass_between_two_paths() {
        let dir = Directory::new("pass");
        let ((_, server_at), (_, client_at)) = (dir.at("server"), dir.at("client"));
        let server = UdpSocket::bind(&server_at).unwrap();
        let client = UdpSocket::connect(Some(&client_at), &server_at).unwrap();
        client.send(None, None, b"request").unwrap();
        assert_eq!(received(&server), [(client_at.clone(), b"request".to_vec())]);
        let mut out = SendBatch::new();
        out.push(Some(&client_at), None, b"answer").unwrap();
        assert_eq!(server.send_batch(&mut out).sent, 1);
        assert_eq!(received(&client), [(server_at, b"answer".to_vec())]);
    }

    #[test]
    fn datagrams_of_one_size_arrive_apart() {
        let dir = Directory::new("apart");
        let ((_, server_at), (_, client_at)) = (dir.at("server"), dir.at("client"));
        let server = UdpSocket::bind(&server_at).unwrap();
        let client = UdpSocket::connect(Some(&client_at), &server_at).unwrap();
        let mut out = SendBatch::new();
        [b"one", b"two"].iter().for_each(|bytes| out.push(Some(&client_at), None, *bytes).unwrap());
        assert_eq!(server.send_batch(&mut out).sent, 2);
        assert_eq!(received(&client), [(server_at.clone(), b"one".to_vec()), (server_at, b"two".to_vec())]);
    }

    #[test]
    fn a_server_that_comes_back_to_its_path_is_found_again() {
        let dir = Directory::new("back");
        let (_, server_at) = dir.at("server");
        let server = UdpSocket::bind(&server_at).unwrap();
        let client = UdpSocket::connect(Some(&dir.at("client").1), &server_at).unwrap();
        drop(server);
        let send = |bytes| {
            let mut out = SendBatch::new();
            out.push(None, None, bytes).unwrap();
            client.send_batch(&mut out).error
        };
        for _ in 0..3 {
            assert!(crate::net::udp::is_gone(&send(b"gone?").unwrap()));
        }
        let server = UdpSocket::bind(&server_at).unwrap();
        assert!(send(b"back?").is_none());
        assert_eq!(received(&server).len(), 1);
    }

    #[test]
    fn a_file_goes_with_its_socket() {
        let dir = Directory::new("goes");
        let ((server_path, server_at), (client_path, client_at)) = (dir.at("server"), dir.at("client"));
        let server = UdpSocket::bind(&server_at).unwrap();
        let client = UdpSocket::connect(Some(&client_at), &server_at).unwrap();
        assert!(server_path.exists() && client_path.exists());
        drop(client);
        assert!(server_path.exists() && !client_path.exists());
        drop(server);
        assert!(!server_path.exists());
    }

    #[test]
    fn what_is_at_the_path_already_stays() {
        let dir = Directory::new("stays");
        let ((file, at), (_, server_at)) = (dir.at("file"), dir.at("server"));
        fs::write(&file, "precious").unwrap();
        let server = UdpSocket::bind(&server_at).unwrap();
        assert_eq!(UdpSocket::bind(&at).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert!(UdpSocket::connect(Some(&at), &server_at).is_err());
        assert_eq!(fs::read(&file).unwrap(), b"precious");
        // Nor does a second socket take away the file of the first.
        assert!(UdpSocket::bind(&server_at).is_err());
        assert!(UdpSocket::connect(Some(&server_at), &server_at).is_err());
        let client = UdpSocket::connect(Some(&dir.at("client").1), &server_at).unwrap();
        client.send(None, None, b"there?").unwrap();
        assert_eq!(received(&server).len(), 1);
    }

    #[test]
    fn what_took_the_place_of_the_file_stays() {
        let dir = Directory::new("place");
        let (path, at) = dir.at("server");
        let first = UdpSocket::bind(&at).unwrap();
        fs::remove_file(&path).unwrap();
        let second = UdpSocket::bind(&at).unwrap();
        drop(first);
        assert!(path.exists());
        fs::remove_file(&path).unwrap();
        fs::write(&path, "precious").unwrap();
        drop(second);
        assert_eq!(fs::read(&path).unwrap(), b"precious");
    }

    #[test]
    fn a_connection_that_fails_leaves_no_file() {
        let dir = Directory::new("fails");
        let ((path, at), (_, nobody)) = (dir.at("client"), dir.at("nobody"));
        assert_eq!(UdpSocket::connect(Some(&at), &nobody).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(!path.exists());
    }

    #[test]
    fn a_client_needs_a_path_of_its_own() {
        let at = abstract_name("own");
        let _server = UdpSocket::bind(&at).unwrap();
        let error = UdpSocket::connect(None, &at).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        let ip = Address::Ip("127.0.0.1:1".parse().unwrap());
        assert!(UdpSocket::connect(Some(&ip), &at).is_err());
        assert!(UdpSocket::connect(Some(&at), &ip).is_err());
    }

    #[test]
    fn the_system_picks_an_abstract_name_for_an_empty_path() {
        let at = abstract_name("picks");
        let server = UdpSocket::bind(&at).unwrap();
        let none = Address::Unix([].into());
        let client = UdpSocket::connect(Some(&none), &at).unwrap();
        assert!(matches!(client.local_addr(), Address::Unix(path) if path.starts_with(b"\0")));
        client.send(None, None, b"hello").unwrap();
        assert_eq!(received(&server), [(client.local_addr().clone(), b"hello".to_vec())]);
    }

    #[test]
    fn a_path_too_long_is_refused() {
        for len in [108, 109, 4096] {
            let error = UdpSocket::bind(&Address::Unix(vec![b'x'; len].into())).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        }
    }

    #[test]
    fn a_connection_is_there_at_once_and_its_files_go_with_both_ends() {
        let dir = Directory::new("stream");
        let ((server_path, server_at), (client_path, client_at)) = (dir.at("server"), dir.at("client"));
        let listener = StreamListener::bind(&server_at).unwrap();
        let client = StreamSocket::connect(Some(&client_at), &server_at).unwrap();
        assert!(!client.was_connecting());
        client.write(b"hello", false).unwrap();
        let (accepted, remote) = listener.accept().unwrap();
        assert_eq!((accepted.local_addr(), &remote), (&server_at, &client_at));
        let mut buffer = [0; 10];
        assert_eq!(accepted.read(&mut buffer).unwrap(), 5);
        assert!(StreamListener::bind(&server_at).is_err());
        drop((client, accepted));
        assert!(!client_path.exists() && server_path.exists());
        drop(listener);
        assert!(!server_path.exists());
    }

    #[test]
    fn a_connection_needs_no_path_on_this_side() {
        let at = abstract_name("stream");
        let listener = StreamListener::bind(&at).unwrap();
        let client = StreamSocket::connect(None, &at).unwrap();
        assert_eq!(*client.local_addr(), Address::Unix([].into()));
        assert_eq!(listener.accept().unwrap().1, Address::Unix([].into()));
        assert!(StreamSocket::connect(Some(&Address::Ip("127.0.0.1:0".parse().unwrap())), &at).is_err());
    }

    #[test]
    fn who_has_no_name_is_not_heard_nor_who_sends_too_much() {
        let at = abstract_name("heard");
        let server = UdpSocket::bind(&at).unwrap();
        let nameless = new_socket(Type::DGRAM).unwrap();
        nameless.connect(&to_system(&at).unwrap()).unwrap();
        nameless.send(b"who?").unwrap();
        let client = UdpSocket::connect(Some(&Address::Unix([].into())), &at).unwrap();
        client.send(None, None, &[7; 65_537]).unwrap();
        client.send(None, None, &[7; 65_536]).unwrap();
        assert_eq!(received(&server), [(client.local_addr().clone(), vec![7; 65_536])]);
    }
}
