//! The ceiling: a server that does nothing but `recvmmsg`, a copy of id and token, and `sendmmsg`.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddrV4};

use crate::batch::{self, BATCH, Datagram, Wait};
use crate::message;

/// Serves on 127.0.0.1:`port` until the process is ended.
pub(crate) fn serve(port: u16) -> io::Result<()> {
    let socket = batch::socket(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))?;
    println!("ready no library");
    io::stdout().flush()?;
    let mut datagrams = [Datagram::empty(); BATCH];
    loop {
        let received = batch::receive(&socket, &mut datagrams, Wait::ForOne)?;
        let mut answers = 0;
        for i in 0..received {
            let Some((id, token)) = message::id_and_token(datagrams[i].bytes()) else { continue };
            datagrams[i].set(&message::response(id, token));
            datagrams.swap(answers, i);
            answers += 1;
        }
        batch::send(&socket, &mut datagrams[..answers])?;
    }
}
