//! Both ends in one thread, with a network between them that is this module.

mod asked;
mod authority;
mod broken;
mod clock;
mod ending;
mod hello;
mod lossy;
mod memory;
mod pki;
mod psk;
mod setups;

use super::OpenSsl;
use crate::tls::{
    Acceptor, Carrier, ClientPsk, ClientSetup, Connection, Connector, Happened, Hello, Hint, Identity,
    Library, Peer, Pki, Roots, Secret, ServerPsk, ServerSetup,
};
use foreign_types::ForeignTypeRef as _;
use openssl::ssl::SslRef;
use std::collections::VecDeque;
use std::sync::Arc;

/// What a client is to its server.
const SENDER: &[u8] = b"192.0.2.1:1234";

const MTU: usize = 1152;

/// Over datagrams, and over a stream.
const CARRIERS: [Carrier; 2] = [Carrier::Datagrams { mtu: MTU }, Carrier::Stream { is_coap: true }];

fn secret(bytes: &[u8]) -> Secret {
    Secret::from(bytes)
}

fn somebody() -> Peer {
    Arc::new("somebody")
}

fn client_psk(identity: &str, key: &str) -> ClientPsk {
    let identity = Identity { identity: identity.as_bytes().into(), key: secret(key.as_bytes()) };
    ClientPsk { identity, server_name: None, for_hint: Arc::new(|_, _| None), needs_hint: false }
}

/// Of a server that knows one client.
fn server_psk(identity: &'static str, key: &'static str) -> ServerPsk {
    ServerPsk {
        hint: Hint { hint: (*b"hint").into(), key: secret(b"") },
        for_identity: Arc::new(move |_, asked| {
            (asked == identity.as_bytes()).then(|| secret(key.as_bytes()))
        }),
        for_name: None,
    }
}

fn psk_connector(psk: ClientPsk) -> Arc<dyn Connector> {
    OpenSsl.client(ClientSetup::Psk(Box::new(psk)), &Roots::default()).unwrap()
}

fn psk_acceptor(psk: ServerPsk) -> Arc<dyn Acceptor> {
    OpenSsl.server(ServerSetup { psk: Some(Box::new(psk)), pki: None }, &Roots::default()).unwrap()
}

fn pki_connector(pki: Pki) -> Arc<dyn Connector> {
    OpenSsl.client(ClientSetup::Pki(Box::new(pki)), &Roots::default()).unwrap()
}

fn pki_acceptor(pki: Pki) -> Arc<dyn Acceptor> {
    OpenSsl.server(ServerSetup { psk: None, pki: Some(Box::new(pki)) }, &Roots::default()).unwrap()
}

/// OpenSSL's own object.
fn native(connection: &mut dyn Connection) -> &mut SslRef {
    // SAFETY: it lives as long as the connection, which is borrowed.
    unsafe { SslRef::from_ptr_mut(connection.native().cast()) }
}

/// One end, and what has come of it.
struct End {
    connection: Option<Box<dyn Connection>>,
    /// On the way to it. Bytes of a stream are pieces too.
    inbox: VecDeque<Vec<u8>>,
    /// From it, by nobody's connection.
    outbox: Vec<Vec<u8>>,
    happened: Vec<Happened>,
    received: Vec<Vec<u8>>,
}

impl End {
    fn new(connection: Option<Box<dyn Connection>>) -> Self {
        let mut end = End {
            connection,
            inbox: VecDeque::new(),
            outbox: Vec::new(),
            happened: Vec::new(),
            received: Vec::new(),
        };
        if let Some(connection) = &mut end.connection {
            connection.set_peer(somebody());
        }
        end
    }

    fn is_connected(&self) -> bool {
        self.happened.contains(&Happened::Connected)
    }

    fn get(&mut self) -> &mut dyn Connection {
        self.connection.as_deref_mut().unwrap()
    }

    fn advance(&mut self) {
        while let Some(connection) = &mut self.connection {
            let mut plain = Vec::new();
            match connection.advance(&mut plain) {
                None => break,
                Some(Happened::Data) => self.received.push(plain),
                Some(happened) => self.happened.push(happened),
            }
        }
    }

    /// What it wants to send.
    fn sent(&mut self) -> Vec<Vec<u8>> {
        let mut pieces = core::mem::take(&mut self.outbox);
        let Some(connection) = &mut self.connection else { return pieces };
        let output = connection.output();
        match output.ends.is_empty() {
            true if output.bytes.is_empty() => {}
            true => pieces.push(output.bytes.clone()),
            false => pieces.extend(output.datagrams().map(<[u8]>::to_vec)),
        }
        output.clear();
        pieces
    }
}

/// A client and a server.
struct Pair {
    client: End,
    server: End,
    acceptor: Arc<dyn Acceptor>,
}

impl Pair {
    fn new(connector: &Arc<dyn Connector>, acceptor: &Arc<dyn Acceptor>, carrier: Carrier) -> Self {
        let client = End::new(Some(connector.connect(carrier).unwrap()));
        let server = match carrier {
            Carrier::Datagrams { .. } => None,
            Carrier::Stream { .. } => Some(acceptor.accept(carrier).unwrap()),
        };
        Pair { client, server: End::new(server), acceptor: Arc::clone(acceptor) }
    }

    /// Until nobody has anything more to say.
    fn run(&mut self) -> &mut Self {
        self.client.advance();
        loop {
            self.server.inbox.extend(self.client.sent());
            self.client.inbox.extend(self.server.sent());
            if self.server.inbox.is_empty() && self.client.inbox.is_empty() {
                return self;
            }
            self.deliver_to_server(MTU);
            while let Some(piece) = self.client.inbox.pop_front() {
                self.client.get().receive(&piece);
                self.client.advance();
            }
        }
    }

    fn deliver_to_server(&mut self, mtu: usize) {
        while let Some(piece) = self.server.inbox.pop_front() {
            if let Some(connection) = &mut self.server.connection {
                connection.receive(&piece);
            } else {
                let mut answer = Vec::new();
                match self.acceptor.hello(SENDER, mtu, &piece, &mut answer) {
                    Hello::Ignored => assert!(answer.is_empty()),
                    Hello::Challenged => self.server.outbox.push(answer),
                    Hello::Accepted(mut connection) => {
                        connection.set_peer(somebody());
                        self.server.connection = Some(connection);
                    }
                }
            }
            self.server.advance();
        }
    }

    fn connected(&mut self) -> &mut Self {
        self.run();
        assert_eq!(self.client.happened, [Happened::Connected]);
        assert_eq!(self.server.happened, [Happened::Connected]);
        self
    }

    /// That data goes both ways.
    fn talk(&mut self) -> &mut Self {
        assert!(self.client.get().send(b"ping"));
        self.run();
        assert!(self.server.get().send(b"pong"));
        self.run();
        assert_eq!(self.server.received, [b"ping"]);
        assert_eq!(self.client.received, [b"pong"]);
        self
    }
}
