//! Bodies in blocks from the members of a group (RFC 7959 §2.8): each is fetched from its member.

use super::blockwise::{SINGLE, block, body};
use crate::address::Address;
use crate::message::{Code, Mid, Number, Pdu};
use crate::protocol::block::{Mode, Shared};
use crate::protocol::engine::{MAX_MEMBERS, Representation};
use crate::protocol::event::Notice;
use crate::protocol::session::SessionId;
use crate::protocol::simulation::{ACK, Conditions, Host, NON, What, World};
use crate::protocol::time::Instant;
use core::time::Duration;
use std::sync::Arc;

fn group() -> Address {
    Address::Ip(([224, 0, 1, 187], 5683).into())
}

/// A world in which each of so many members has a body of its own.
fn world(members: usize, conditions: Conditions, mode: Mode) -> (World, usize, SessionId) {
    let mut world = World::new(1, conditions);
    let client = world.add_host();
    for n in 0..members {
        let member = world.add_host();
        world.hosts[member].groups.push(group());
        world.hosts[member].engine.config.block_mode = SINGLE;
        let response: Shared = Arc::new(body_of(n));
        world.hosts[member].serve("r", move |turn| {
            let (session, request) = (turn.exchange.session, turn.exchange.request.clone());
            let (pdu, about) = (&mut turn.exchange.response, Representation::default());
            pdu.set_code(Code::CONTENT);
            turn.engine.add_body(turn.now, session, &request, pdu, about, &response).unwrap();
        });
    }
    let session = world.hosts[client].connect(world.now, &group());
    world.hosts[client].engine.session_mut(session).unwrap().block_mode = mode;
    (world, client, session)
}

fn body_of(n: usize) -> Vec<u8> {
    let mut body = body(3000 + n * 100);
    body[..2].fill(n as u8);
    body
}

fn ask(world: &mut World, client: usize, session: SessionId) -> Vec<u8> {
    let now = world.now;
    let request = world.hosts[client].new_request(session, NON, Code::GET, "r");
    let token = request.token().to_vec();
    world.hosts[client].engine.submit(now, session, request, None).unwrap();
    world.settle(client);
    token
}

fn finish(world: &mut World, client: usize, session: SessionId) {
    let now = world.now;
    world.hosts[client].engine.release(now, session);
    world.settle(client);
    world.drive_bounded();
    let later = world.now + Duration::from_secs(3600);
    for host in &mut world.hosts {
        host.engine.handle_timeout(later);
        assert_eq!(host.engine.census(), Default::default());
    }
}

#[test]
fn the_body_of_each_member_is_put_together_by_itself() {
    let (mut world, client, session) = world(3, Conditions::PERFECT, SINGLE);
    let token = ask(&mut world, client, session);
    world.drive_bounded();
    let mut bodies = Vec::new();
    for record in &world.hosts[client].journal {
        let What::Response { received, body: Some(shown), .. } = &record.what else { continue };
        assert_eq!(received.token(), token, "the application's token");
        bodies.push(shown.data.clone().unwrap());
    }
    bodies.sort_unstable();
    assert_eq!(bodies, [0, 1, 2].map(body_of));
    // Only the request itself went to the group.
    let to_group = world.network.journal.iter().filter(|hop| hop.to == group()).count();
    assert_eq!(to_group, 1);
    finish(&mut world, client, session);
}

#[test]
fn where_blocks_are_lost_the_other_members_bodies_arrive() {
    let conditions = Conditions { loss: 0.1, ..Conditions::PERFECT };
    let (mut world, client, session) = world(6, conditions, SINGLE);
    for _ in 0..10 {
        ask(&mut world, client, session);
        world.drive_bounded();
    }
    let (mut complete, mut failed) = (0, 0);
    for record in &world.hosts[client].journal {
        match &record.what {
            What::Response { body: Some(shown), .. } => {
                complete += 1;
                let data = shown.data.as_ref().unwrap();
                assert_eq!(*data, body_of(data[0].into()));
            }
            What::Notice(Notice::PartialBody) => failed += 1,
            _ => {}
        }
    }
    assert!(complete > 10 && failed > 3 && complete + failed <= 60, "{complete} and {failed}");
    finish(&mut world, client, session);
}

#[test]
fn where_blocks_are_shown_each_is_shown_with_who_sent_it() {
    let (mut world, client, session) = world(2, Conditions::PERFECT, Mode::USE_LIBCOAP);
    ask(&mut world, client, session);
    world.drive_bounded();
    let shown = |what: &What| match what {
        What::Response { body: Some(shown), .. } => Some((shown.offset, shown.total)),
        _ => None,
    };
    let mut blocks: Vec<_> = world.hosts[client].journal.iter().filter_map(|r| shown(&r.what)).collect();
    blocks.sort_unstable();
    assert_eq!(
        blocks,
        [(0, 3000), (0, 3100), (1024, 3000), (1024, 3100), (2048, 3000), (2048, 3100), (3072, 3100)]
    );
    finish(&mut world, client, session);
}

/// A client of a group, the token of its request, and where it is reached.
fn client() -> (Host, SessionId, Vec<u8>, Address) {
    let mut host = Host::new(1, 1);
    let id = host.connect(Instant(0), &group());
    host.engine.session_mut(id).unwrap().block_mode = SINGLE;
    let request = host.new_request(id, NON, Code::GET, "r");
    let token = request.token().to_vec();
    host.engine.submit(Instant(0), id, request, None).unwrap();
    sent(&mut host);
    let local = host.engine.sessions().get(id).unwrap().path.local.clone();
    (host, id, token, local)
}

fn sent(host: &mut Host) -> Vec<(Address, Pdu)> {
    let mut sent = Vec::new();
    host.settle(Instant(0), |_, to, bytes| sent.push((to.clone(), Pdu::decode_udp(bytes, 8).unwrap())));
    sent
}

fn part(token: &[u8], mid: u16, num: u32, more: bool) -> Vec<u8> {
    let mut pdu = Pdu::new(NON, Code::CONTENT, Mid(mid), 1000);
    pdu.set_token(token).unwrap();
    pdu.add_option(Number::BLOCK2, &block(num, more, 0)).unwrap();
    pdu.set_payload(&[num as u8; 16]).unwrap();
    pdu.encode_udp().to_vec()
}

/// Spoofed addresses cost a client no more than so many bodies.
#[test]
fn from_so_many_members_bodies_are_fetched_and_of_others_the_first_block_is_shown() {
    let (mut host, _, token, local) = client();
    for n in 0..MAX_MEMBERS as u16 + 3 {
        let member = Host::address_of(7, 6000 + n);
        host.receive(Instant(0), &member, &local, &part(&token, n, 0, true));
        let sent = sent(&mut host);
        assert_eq!(sent.len(), usize::from(usize::from(n) < MAX_MEMBERS));
        assert!(sent.iter().all(|(to, pdu)| *to == member && pdu.kind() == NON));
    }
    let shown = host.journal.iter().filter(|r| matches!(r.what, What::Response { .. })).count();
    assert_eq!((shown, host.engine.census().bodies.asked), (3, MAX_MEMBERS + 1));
}

#[test]
fn nobody_answers_in_the_place_of_another_member() {
    let (mut host, _, token, local) = client();
    let (a, b) = (Host::address_of(7, 5683), Host::address_of(8, 5683));
    host.receive(Instant(0), &a, &local, &part(&token, 1, 0, true));
    let [(_, next)] = &sent(&mut host)[..] else { panic!("one request for the next block") };
    host.receive(Instant(0), &b, &local, &part(next.token(), 2, 1, false));
    assert!(sent(&mut host).iter().all(|(_, pdu)| pdu.kind() != ACK) && host.journal.is_empty());
    host.receive(Instant(0), &a, &local, &part(next.token(), 3, 1, false));
    sent(&mut host);
    let [record] = &host.journal[..] else { panic!("one response") };
    let What::Response { body: Some(shown), .. } = &record.what else { panic!("a body") };
    assert_eq!(shown.data.as_ref().map(Vec::len), Some(32));
}
