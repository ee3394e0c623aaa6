//! Datagrams that have killed servers, or made them keep what nobody sends (CVE-2024-46304,
//! CVE-2023-33605), to a server in each of its modes: the answer, and that nothing stays.

use super::blockwise::{SINGLE, server};
use crate::message::{Code, Pdu};
use crate::protocol::block::Mode;
use core::time::Duration;

/// Header, token and Uri-Path "r" of a PUT and of a GET, as far as the options that follow.
const PUT: &str = "44030001aabbccddb172";
const GET: &str = "44010001aabbccddb172";
const SIXTEEN: &str = "ff30313233343536373839616263646566";

const CONTINUE: Code = Code::CONTINUE;
const BAD: Code = Code::BAD_REQUEST;
const LARGE: Code = Code::REQUEST_ENTITY_TOO_LARGE;
const RESET: Code = Code::EMPTY;

/// What is sent; what is answered where bodies are put together; and where each block is shown.
const INPUTS: [(&str, &str, &str, Code, Code); 17] = [
    ("first block without Size1", PUT, "d10308", CONTINUE, CONTINUE),
    ("Size1 0", PUT, "d10308d014", CONTINUE, CONTINUE),
    ("Size1 smaller than the block", PUT, "d10308d11404", CONTINUE, CONTINUE),
    ("Size1 of the block", PUT, "d10308d11410", CONTINUE, CONTINUE),
    ("Size1 of 64 MiB", PUT, "d10308d41404000000", CONTINUE, CONTINUE),
    ("Size1 of 64 MiB and a byte", PUT, "d10308d41404000001", LARGE, LARGE),
    ("Size1 of 256 MiB", PUT, "d10308d4140fffffff", LARGE, LARGE),
    ("Size1 of 2^32-1", PUT, "d10308d414ffffffff", LARGE, LARGE),
    ("Size1 of 5 bytes", PUT, "d10308d5140000000001", RESET, RESET),
    ("the last block number", PUT, "d303fffff8", CONTINUE, CONTINUE),
    ("reserved size", PUT, "d1030f", BAD, BAD),
    ("reserved size, last block", PUT, "d10307", BAD, BAD),
    ("fewer bytes than the block has", PUT, "d1030e", BAD, BAD),
    ("Block1 of 4 bytes", PUT, "d40300000008", RESET, RESET),
    ("a block far behind the end", GET, "c3fffff6", BAD, BAD),
    ("Block2 with the reserved size", GET, "c107", BAD, BAD),
    ("Block2 of 4 bytes", GET, "c400000006", RESET, RESET),
];

fn bytes_of(hex: &str) -> Vec<u8> {
    let digit = |c: u8| (c as char).to_digit(16).unwrap() as u8;
    hex.as_bytes().chunks(2).map(|two| digit(two[0]) << 4 | digit(two[1])).collect()
}

#[test]
fn hostile_blocks_are_answered_and_cost_what_they_hold() {
    let modes = [SINGLE, Mode(SINGLE.0 | Mode::STLESS_BLOCK2.0), Mode::USE_LIBCOAP];
    for (mode, (name, head, options, whole, shown)) in
        modes.into_iter().flat_map(|mode| INPUTS.into_iter().map(move |input| (mode, input)))
    {
        let mut peer = server(mode, 2000);
        let payload = if head == PUT { SIXTEEN } else { "" };
        peer.send_bytes(&bytes_of(&[head, options, payload].concat()));
        let answer: Pdu = peer.next_message();
        let expected = if mode.has(Mode::SINGLE_BODY) { whole } else { shown };
        assert_eq!((answer.code(), answer.mid().0), (expected, 1), "{name} in {mode:?}");
        assert!(peer.host.engine.census().bodies.cost < 1024, "{name} in {mode:?}");
        // The server goes on.
        peer.send_bytes(&bytes_of("4000beef"));
        assert_eq!(peer.next_message().mid().0, 0xbeef, "{name} in {mode:?}");
        peer.wait(Duration::from_secs(100));
        assert_eq!(peer.host.engine.census().bodies, Default::default(), "{name} in {mode:?}");
        peer.seen();
        peer.finish();
    }
}
