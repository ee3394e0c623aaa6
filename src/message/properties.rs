//! What holds for every input: properties of the codec, and inputs that broke others.

use super::option::{Head, MAX_EXTENDED, Options, decode_uint, encode_uint};
use super::pdu::{DecodeReason, PduError};
use super::{Code, Framing, Mid, Number, Pdu, Token, Type};
use proptest::prelude::*;

const FRAMINGS: [Framing; 3] = [Framing::Udp, Framing::Tcp, Framing::WebSocket];

fn empty() -> Pdu {
    Pdu::new(Type::Confirmable, Code::GET, Mid(0), usize::MAX)
}

/// Decodes from a heap block of exactly the input's length.
fn decode(framing: Framing, bytes: &[u8]) -> Result<Pdu, DecodeReason> {
    let block: Box<[u8]> = bytes.into();
    let mut pdu = empty();
    pdu.decode_into(framing, &block, Token::MAX).map(|()| pdu).map_err(|e| e.reason)
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

/// Lengths where an encoding changes, and some around them.
fn boundary() -> impl Strategy<Value = usize> {
    prop_oneof![0usize..20, 260usize..280, Just(65803usize), Just(65804)]
}

/// Bytes that are a message often enough: a plausible head, options and a payload, then damaged.
fn almost_a_message() -> impl Strategy<Value = Vec<u8>> {
    let option = (prop_oneof![0u32..20, 250u32..300, Just(65000)], 0usize..16);
    let options = proptest::collection::vec(option, 0..6);
    let damage = proptest::collection::vec((any::<u16>(), any::<u8>()), 0..3);
    (any::<[u8; 4]>(), options, any::<bool>(), damage, any::<u16>()).prop_map(
        |(head, options, payload, damage, cut)| {
            let mut bytes = vec![0x40 | head[0] & 0x3f, head[1] & 0xbf, head[2], head[3]];
            bytes.extend(std::iter::repeat_n(7, usize::from(head[0] & 0xf)));
            for (delta, length) in options {
                bytes.extend_from_slice(Head::encode(delta, length as u32).as_bytes());
                bytes.extend(std::iter::repeat_n(b'v', length));
            }
            if payload {
                bytes.extend_from_slice(b"\xffpayload");
            }
            for (at, value) in damage {
                let at = usize::from(at) % bytes.len();
                bytes[at] = value;
            }
            if cut % 4 == 0 {
                bytes.truncate(usize::from(cut) % (bytes.len() + 1));
            }
            bytes
        },
    )
}

/// What may be done to a message.
#[derive(Clone, Debug)]
enum Step {
    Token(usize),
    Add(u16, usize),
    Remove(u16),
    Update(u16, usize),
    Payload(usize),
    Clear,
}

fn step() -> impl Strategy<Value = Step> {
    let number = || prop_oneof![0u16..20, 250u16..320, 65530u16..=65535];
    prop_oneof![
        boundary().prop_map(Step::Token),
        (number(), boundary()).prop_map(|(n, l)| Step::Add(n, l)),
        (number(), boundary()).prop_map(|(n, l)| Step::Add(n, l)),
        (number(), boundary()).prop_map(|(n, l)| Step::Add(n, l)),
        number().prop_map(Step::Remove),
        (number(), boundary()).prop_map(|(n, l)| Step::Update(n, l)),
        boundary().prop_map(Step::Payload),
        Just(Step::Clear),
    ]
}

/// The same message without any encoding.
#[derive(Default)]
struct Model {
    token: Vec<u8>,
    options: Vec<(u16, Vec<u8>)>,
    payload: Vec<u8>,
}

impl Model {
    fn apply(&mut self, step: &Step, fill: u8) {
        let find = |options: &[(u16, Vec<u8>)], n| options.iter().position(|(m, _)| *m == n);
        match *step {
            Step::Token(len) => self.token = vec![fill; len],
            Step::Add(n, len) => {
                let at = self.options.partition_point(|(m, _)| *m <= n);
                self.options.insert(at, (n, vec![fill; len]));
            }
            Step::Remove(n) => {
                if let Some(at) = find(&self.options, n) {
                    self.options.remove(at);
                }
            }
            Step::Update(n, len) => match find(&self.options, n) {
                Some(at) => self.options[at].1 = vec![fill; len],
                None => self.apply(&Step::Add(n, len), fill),
            },
            Step::Payload(len) if self.payload.is_empty() => self.payload = vec![fill; len],
            Step::Payload(_) => {}
            Step::Clear => self.payload.clear(),
        }
    }
}

fn apply(pdu: &mut Pdu, step: &Step, fill: u8) -> Result<(), PduError> {
    match *step {
        Step::Token(len) => pdu.set_token(&vec![fill; len]),
        Step::Add(n, len) => pdu.add_option(Number(n), &vec![fill; len]).map(|_| ()),
        Step::Remove(n) => {
            pdu.remove_option(Number(n));
            Ok(())
        }
        Step::Update(n, len) => pdu.update_option(Number(n), &vec![fill; len]),
        Step::Payload(len) => match pdu.set_payload(&vec![fill; len]) {
            Err(PduError::Order) => Ok(()),
            other => other,
        },
        Step::Clear => {
            pdu.clear_payload();
            Ok(())
        }
    }
}

fn options_of(pdu: &Pdu) -> Vec<(u16, Vec<u8>)> {
    pdu.options().map(|o| (o.number.0, o.value.to_vec())).collect()
}

proptest! {
    #[test]
    fn decoding_never_panics_and_encoding_gives_the_same_bytes_back(
        bytes in prop_oneof![almost_a_message(), proptest::collection::vec(any::<u8>(), 0..64)],
    ) {
        for framing in FRAMINGS {
            if let Ok(mut pdu) = decode(framing, &bytes) {
                let again = pdu.encode(framing);
                // The length in a TCP header is not compared when it is read.
                match framing {
                    Framing::Udp => prop_assert_eq!(again, &bytes[..]),
                    _ => prop_assert!(decode(framing, again).is_ok()),
                }
            }
        }
    }

    #[test]
    fn a_message_is_what_was_put_into_it(steps in proptest::collection::vec(step(), 0..12)) {
        let mut pdu = empty();
        let mut model = Model::default();
        for (index, step) in steps.iter().enumerate() {
            apply(&mut pdu, step, index as u8).unwrap();
            model.apply(step, index as u8);
        }
        prop_assert_eq!(pdu.token(), &model.token);
        prop_assert_eq!(options_of(&pdu), model.options);
        prop_assert_eq!(pdu.payload().unwrap_or(&[]), &model.payload);
        prop_assert_eq!(pdu.encoded_len(Framing::Udp), pdu.encode_udp().len());
    }

    #[test]
    fn a_step_that_fails_changes_nothing_and_one_that_succeeds_stays_within_the_limit(
        max in 0usize..700,
        steps in proptest::collection::vec(step(), 0..12),
    ) {
        let mut pdu = Pdu::new(Type::Confirmable, Code::GET, Mid(0), max);
        for (index, step) in steps.iter().enumerate() {
            let before = pdu.clone();
            if apply(&mut pdu, step, index as u8).is_err() {
                prop_assert_eq!(&pdu, &before);
            }
            prop_assert!(pdu.used_size() <= max);
        }
    }

    #[test]
    fn an_option_head_survives_and_takes_the_fewest_bytes(delta in boundary(), length in boundary()) {
        let extra = |n: usize| match n { 0..=12 => 0, 13..=268 => 1, _ => 2 };
        let head = Head::encode(delta as u32, length as u32);
        prop_assert_eq!(head.as_bytes().len(), 1 + extra(delta) + extra(length));
        let back = Head::decode_head(head.as_bytes()).unwrap();
        prop_assert_eq!((back.delta as usize, back.length as usize), (delta, length));
        for cut in 0..head.as_bytes().len() {
            prop_assert!(Head::decode_head(&head.as_bytes()[..cut]).is_err());
        }
    }

    #[test]
    fn an_integer_survives_also_with_leading_zeros(value: u64, zeros in 0usize..4) {
        let encoded = encode_uint(value);
        prop_assert_ne!(encoded.first(), Some(&0));
        let padded = [&vec![0; zeros][..], &encoded].concat();
        prop_assert_eq!(decode_uint(&padded), Some(value));
    }
}

#[test]
fn the_numbers_of_options_do_not_wrap() {
    // Delta 65535, then 12 more; delta 65536 at once; 65535 itself is a number.
    for (tail, good) in [("e0fef2c0", false), ("e0fef3", false), ("e0ffff", false), ("e0fef2", true)] {
        let decoded = decode(Framing::Udp, &unhex(&format!("40010001{tail}")));
        assert_eq!(decoded.is_ok(), good, "{tail}");
    }
    assert!(Options::new(&unhex("e0fef2c0")).any(|o| o.is_err()));
}

#[test]
fn values_of_a_wrong_length_are_refused() {
    for (number, bad) in [
        (Number::HOP_LIMIT, &[0, 2][..]),
        (Number::URI_HOST, &[0, 256]),
        (Number::ETAG, &[0, 9]),
        (Number::OBSERVE, &[4]),
        (Number::ECHO, &[41]),
        (Number::REQUEST_TAG, &[9]),
        (Number::URI_PATH, &[256]),
        (Number::IF_NONE_MATCH, &[1]),
    ] {
        for &length in bad {
            let mut pdu = empty();
            pdu.add_option(number, &vec![1; length]).unwrap();
            let bytes = pdu.encode_udp().to_vec();
            assert_eq!(decode(Framing::Udp, &bytes), Err(DecodeReason::OptionLength { number, length }));
        }
    }
}

#[test]
fn inputs_that_broke_others_are_told_apart() {
    for (hex, reason) in [
        ("6d656564", DecodeReason::TokenTruncated),
        ("6e656564", DecodeReason::TokenTruncated),
        ("4f010001", DecodeReason::TokenLength),
        ("40010001ff", DecodeReason::EmptyPayload),
        ("4000000100", DecodeReason::EmptyNotEmpty),
        ("00010001", DecodeReason::Version),
        ("400100", DecodeReason::Short),
    ] {
        assert_eq!(decode(Framing::Udp, &unhex(hex)), Err(reason), "{hex}");
    }
    for hex in [
        "54014d32c98669bf410d756173796e6343623d3011e4711943558ec1d014",
        "5006da6e432e63402101121633456173796e63113c01ff41751170a2c5b1c4636f6170d1ce10ff0d680371ec9e9ac63739fe",
        "44030001aabbccddb178d303000008ff00",
        "440325b9bc306ac4bd03746573742d6275672d74726967676572d303000008ff30313233343536373839616263646566",
        "44020001aabbccdd9619000258ff02ff00112233445566778899aabbccdd",
    ] {
        let whole = unhex(hex);
        assert!(decode(Framing::Udp, &whole).is_ok(), "{hex}");
        for cut in 0..whole.len() {
            let _ = decode(Framing::Udp, &whole[..cut]);
        }
    }
}

#[test]
fn a_token_over_the_limit_of_the_receiver_is_refused() {
    for length in [9, 12, 13] {
        let mut pdu = empty();
        pdu.set_token(&vec![1; length]).unwrap();
        let bytes = pdu.encode_udp().to_vec();
        assert!(Pdu::decode_udp(&bytes, length).is_ok());
        let refused = Pdu::decode_udp(&bytes, length - 1).unwrap_err();
        assert_eq!(refused.reason, DecodeReason::TokenLength);
        assert_eq!(refused.header, Some((Type::Confirmable, Code::GET, Mid(0))));
    }
}

#[test]
fn a_thousand_options_are_a_message_too() {
    let mut pdu = empty();
    for _ in 0..1024 {
        pdu.add_option(Number::URI_PATH, b"a").unwrap();
    }
    let bytes = pdu.encode_udp().to_vec();
    assert_eq!(decode(Framing::Udp, &bytes).unwrap().options().count(), 1024);
}

#[test]
fn shortening_the_token_moves_what_stands_behind_it() {
    for lengths in [[13, 12], [269, 268], [8, 0], [12, 13], [268, 269]] {
        let mut pdu = empty();
        pdu.add_option(Number::URI_PATH, b"path").unwrap();
        pdu.set_payload(b"data").unwrap();
        for length in lengths {
            pdu.set_token(&vec![9; length]).unwrap();
            let bytes = pdu.encode_udp().to_vec();
            let back = decode(Framing::Udp, &bytes).unwrap();
            assert_eq!((back.token().len(), back.payload()), (length, Some(&b"data"[..])));
            assert_eq!(back.option(Number::URI_PATH).map(|o| o.value), Some(&b"path"[..]));
        }
    }
    assert_eq!(empty().set_token(&vec![0; MAX_EXTENDED as usize + 1]), Err(PduError::Unencodable));
}
