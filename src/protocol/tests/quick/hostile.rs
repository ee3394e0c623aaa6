//! Whatever a peer says about Q-Blocks.

use super::*;
use proptest::prelude::*;

/// What a peer that does not play along says.
#[derive(Clone, Debug)]
enum Hostile {
    Ask { kind: Type, code: Code, length: usize },
    Say { kind: Type, code: Code, known: bool, options: Vec<(Number, Vec<u8>)>, payload: Vec<u8> },
    Wait(u64),
}

fn hostile() -> impl Strategy<Value = Hostile> {
    let kinds = || prop_oneof![Just(NON), Just(NON), Just(CON), Just(ACK), Just(RST)];
    let asked = (
        prop_oneof![Just(NON), Just(CON)],
        prop_oneof![Just(Code::GET), Just(Code::PUT), Just(Code::POST)],
        prop_oneof![Just(0usize), 0..1000usize],
    );
    let codes = prop_oneof![
        Just(Code::CONTENT),
        Just(Code::CONTINUE),
        Just(Code::REQUEST_ENTITY_INCOMPLETE),
        Just(Code::UNAUTHORIZED),
        Just(Code::GET),
        Just(Code::PUT),
    ];
    let small = (0..30u32, any::<bool>(), prop_oneof![4 => Just(0u8), 1 => 0..8u8])
        .prop_map(|(num, more, szx)| Block { num, more, szx }.encode().to_vec());
    let value = prop_oneof![4 => small, 1 => proptest::collection::vec(any::<u8>(), 0..4)];
    let number = prop_oneof![
        4 => Just(Number::Q_BLOCK1),
        4 => Just(Number::Q_BLOCK2),
        1 => Just(Number::BLOCK1),
        1 => Just(Number::BLOCK2),
        2 => Just(Number::SIZE1),
        2 => Just(Number::SIZE2),
        2 => Just(Number::ETAG),
        2 => Just(Number::REQUEST_TAG),
        1 => Just(Number::OBSERVE),
        1 => Just(Number::ECHO),
    ];
    let format = Just((Number::CONTENT_FORMAT, vec![1, 16]));
    let option = prop_oneof![6 => (number, value), 1 => format];
    let payload = prop_oneof![
        Just(vec![7; 16]),
        proptest::collection::vec(any::<u8>(), 0..20),
        (0..30u8).prop_map(|first| (first..30).collect()),
    ];
    prop_oneof![
        1 => asked.prop_map(|(kind, code, length)| Hostile::Ask { kind, code, length }),
        8 => (kinds(), codes, any::<bool>(), proptest::collection::vec(option, 0..4), payload)
            .prop_map(|(kind, code, known, options, payload)| Hostile::Say { kind, code, known, options, payload }),
        2 => prop_oneof![0..3_000u64, 0..100_000u64].prop_map(Hostile::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_peer_says_nothing_breaks_and_one_message_gets_two_sets_at_most(
        acts in proptest::collection::vec(hostile(), 0..60),
        is_client in any::<bool>(),
    ) {
        let mut peer = if is_client { client() } else { server(400) };
        let mut last = (0, b"t".to_vec());
        for (i, act) in acts.into_iter().enumerate() {
            let answers = match act {
                Hostile::Ask { kind, code, length } if is_client => {
                    ask(&mut peer, kind, code, length);
                    usize::MAX
                }
                Hostile::Ask { .. } => 0,
                Hostile::Wait(ms) => {
                    peer.wait(Duration::from_millis(ms));
                    usize::MAX
                }
                Hostile::Say { kind, code, known, options, payload } => {
                    let (mid, token) = if known { last.clone() } else { (i as u16, b"t".to_vec()) };
                    let is_empty = matches!(kind, Type::Reset);
                    let (code, token) = if is_empty { (Code::EMPTY, Vec::new()) } else { (code, token) };
                    let mut out = peer.send(kind, code, &token, mid);
                    if !is_empty {
                        out = out.path("r");
                        for (number, value) in options {
                            out = out.option(number, &value);
                        }
                        out = if payload.is_empty() { out } else { out.payload(&payload) };
                    }
                    out.go();
                    // A set, what waited for a free slot, and an acknowledgement.
                    2 * 10 + 2
                }
            };
            let mut sent = 0;
            while let Some(pdu) = peer.poll_message() {
                sent += 1;
                last = (pdu.mid().0, pdu.token().to_vec());
            }
            prop_assert!(sent <= answers, "{} messages", sent);
        }
        peer.host.engine.end_all();
        peer.settle();
        peer.discard();
        peer.seen();
        peer.finish();
    }
}
