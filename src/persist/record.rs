//! What is kept, and its bytes.
//!
//! ```text
//! "coap3kept\n"  version  kind  length of the body  body      SHA-256 of all before
//! 10 bytes       1        1     4                   records   32
//! ```
//!
//! Numbers are big-endian. A field of a record is a length of four bytes and so many bytes. The
//! digest finds what was torn or changed by accident; it keeps nobody from writing a file that is
//! well-formed, so what is read is still checked like what comes from the network.

use crate::address::Address;
use sha2::{Digest, Sha256};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

const MAGIC: &[u8; 10] = b"coap3kept\n";
const VERSION: u8 = 1;
const HEAD: usize = MAGIC.len() + 2 + 4;
const DIGEST: usize = 32;

/// Why bytes are not such a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RecordError {
    /// It does not begin as one.
    #[error("it is not a file of this library")]
    Foreign,
    /// It was written by a library that knows another format.
    #[error("its format has version {0}, and only version {VERSION} is known")]
    Version(u8),
    /// It keeps something else.
    #[error("it keeps something else than is asked for")]
    Kind,
    /// It ends early, goes on behind its end, or some of it has changed.
    #[error("it is torn or changed")]
    Torn,
    /// The digest is right and the content makes no sense.
    #[error("a record in it makes no sense")]
    Senseless,
    /// There is more to keep than a file can say.
    #[error("there is too much to keep")]
    TooLarge,
}

/// Something that is kept in a file of its own kind.
pub trait Record: Sized {
    /// Says in the file which kind it is.
    const KIND: u8;

    /// Writes the fields.
    fn put(&self, to: &mut Fields) -> Result<(), RecordError>;

    /// Reads them back. `None` if they make no sense.
    fn take(from: &mut Rest<'_>) -> Option<Self>;
}

/// A resource that a request has made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DynamicResource {
    /// Its path.
    pub path: Vec<u8>,
    /// The request, as it came, with its whole body.
    pub packet: Vec<u8>,
}

/// An observer of a resource.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Observer {
    /// The address of the endpoint.
    pub listen: Address,
    /// The address of this side.
    pub local: Address,
    /// The address of the observer.
    pub remote: Address,
    /// The request that began the observation, as it came, with its whole body.
    pub packet: Vec<u8>,
}

/// The observe number of a resource.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counter {
    /// The path of the resource.
    pub path: Vec<u8>,
    /// The number that is written down: those that were sent may be up to one step larger.
    pub number: u32,
}

impl Record for DynamicResource {
    const KIND: u8 = b'R';

    fn put(&self, to: &mut Fields) -> Result<(), RecordError> {
        to.bytes(&self.path)?;
        to.bytes(&self.packet)
    }

    fn take(from: &mut Rest<'_>) -> Option<Self> {
        Some(DynamicResource { path: from.bytes()?.into(), packet: from.bytes()?.into() })
    }
}

impl Record for Observer {
    const KIND: u8 = b'O';

    fn put(&self, to: &mut Fields) -> Result<(), RecordError> {
        to.address(&self.listen)?;
        to.address(&self.local)?;
        to.address(&self.remote)?;
        to.bytes(&self.packet)
    }

    fn take(from: &mut Rest<'_>) -> Option<Self> {
        Some(Observer {
            listen: from.address()?,
            local: from.address()?,
            remote: from.address()?,
            packet: from.bytes()?.into(),
        })
    }
}

impl Record for Counter {
    const KIND: u8 = b'N';

    fn put(&self, to: &mut Fields) -> Result<(), RecordError> {
        to.bytes(&self.path)?;
        to.0.extend_from_slice(&self.number.to_be_bytes());
        Ok(())
    }

    fn take(from: &mut Rest<'_>) -> Option<Self> {
        Some(Counter { path: from.bytes()?.into(), number: u32::from_be_bytes(from.array()?) })
    }
}

/// The fields of records, as they are written.
#[derive(Default)]
pub struct Fields(Vec<u8>);

impl Fields {
    fn bytes(&mut self, field: &[u8]) -> Result<(), RecordError> {
        let length = u32::try_from(field.len()).map_err(|_| RecordError::TooLarge)?;
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(field);
        Ok(())
    }

    /// The IP address, the port, and the zone of an IPv6 address.
    fn address(&mut self, address: &Address) -> Result<(), RecordError> {
        let Address::Ip(ip) = address else { return self.bytes(b"") };
        let mut field = match ip.ip() {
            IpAddr::V4(v4) => v4.octets().to_vec(),
            IpAddr::V6(v6) => v6.octets().to_vec(),
        };
        field.extend_from_slice(&ip.port().to_be_bytes());
        if let SocketAddr::V6(v6) = ip {
            field.extend_from_slice(&v6.scope_id().to_be_bytes());
        }
        self.bytes(&field)
    }
}

/// What has not been read yet.
pub struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = u32::from_be_bytes(self.array()?);
        let (field, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(field)
    }

    fn address(&mut self) -> Option<Address> {
        let mut field = Rest(self.bytes()?);
        let ip = match field.0.len() {
            6 => {
                let ip = Ipv4Addr::from(field.array::<4>()?);
                SocketAddr::from((ip, u16::from_be_bytes(field.array()?)))
            }
            22 => {
                let ip = Ipv6Addr::from(field.array::<16>()?);
                let port = u16::from_be_bytes(field.array()?);
                SocketAddrV6::new(ip, port, 0, u32::from_be_bytes(field.array()?)).into()
            }
            _ => return None,
        };
        Some(Address::Ip(ip))
    }
}

/// The bytes of a file with these records.
pub fn encode<'a, R: Record + 'a>(records: impl IntoIterator<Item = &'a R>) -> Result<Vec<u8>, RecordError> {
    let mut body = Fields::default();
    records.into_iter().try_for_each(|record| record.put(&mut body))?;
    let length = u32::try_from(body.0.len()).map_err(|_| RecordError::TooLarge)?;
    let mut bytes = Vec::with_capacity(HEAD + body.0.len() + DIGEST);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[VERSION, R::KIND]);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&body.0);
    let digest = Sha256::digest(&bytes);
    bytes.extend_from_slice(&digest);
    Ok(bytes)
}

/// The records of a file. No bytes at all are a file without records.
pub fn decode<R: Record>(bytes: &[u8]) -> Result<Vec<R>, RecordError> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let seen = bytes.len().min(MAGIC.len());
    if bytes.get(..seen) != MAGIC.get(..seen) {
        return Err(RecordError::Foreign);
    }
    let mut rest = Rest(bytes);
    let head = (rest.array::<10>(), rest.array::<2>(), rest.array::<4>());
    let (Some(_), Some([version, kind]), Some(length)) = head else { return Err(RecordError::Torn) };
    if version != VERSION {
        return Err(RecordError::Version(version));
    }
    let body = usize::try_from(u32::from_be_bytes(length)).ok().and_then(|n| rest.0.split_at_checked(n));
    let Some((body, digest)) = body else { return Err(RecordError::Torn) };
    let digested = bytes.get(..HEAD + body.len()).ok_or(RecordError::Torn)?;
    if digest != Sha256::digest(digested).as_slice() {
        return Err(RecordError::Torn);
    }
    if kind != R::KIND {
        return Err(RecordError::Kind);
    }
    let mut body = Rest(body);
    let mut records = Vec::new();
    while !body.0.is_empty() {
        records.push(R::take(&mut body).ok_or(RecordError::Senseless)?);
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counters() -> Vec<Counter> {
        [("r", 2), ("", 0), ("a/b", 0xff_ffff)]
            .map(|(path, number)| Counter { path: path.into(), number })
            .into()
    }

    fn seal(head: [u8; 2], body: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&head);
        bytes.extend_from_slice(&(body.len() as u32).to_be_bytes());
        bytes.extend_from_slice(body);
        let digest = Sha256::digest(&bytes);
        bytes.extend_from_slice(&digest);
        bytes
    }

    #[test]
    fn an_empty_file_has_no_records_and_no_records_make_a_file() {
        assert_eq!(decode::<Counter>(b""), Ok(Vec::new()));
        assert_eq!(decode::<Counter>(&encode::<Counter>(&[]).unwrap()), Ok(Vec::new()));
    }

    #[test]
    fn every_truncation_is_refused() {
        let whole = encode(&counters()).unwrap();
        for length in 1..whole.len() {
            assert_eq!(decode::<Counter>(&whole[..length]), Err(RecordError::Torn), "{length} bytes");
        }
    }

    #[test]
    fn every_changed_bit_is_refused() {
        let whole = encode(&counters()).unwrap();
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(decode::<Counter>(&bytes).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn what_follows_the_end_is_refused() {
        let mut bytes = encode(&counters()).unwrap();
        bytes.push(0);
        assert_eq!(decode::<Counter>(&bytes), Err(RecordError::Torn));
    }

    #[test]
    fn the_reason_names_what_is_wrong() {
        assert_eq!(decode::<Counter>(b"r 2\nn 6\n"), Err(RecordError::Foreign));
        assert_eq!(decode::<Counter>(&seal([2, b'N'], b"")), Err(RecordError::Version(2)));
        assert_eq!(decode::<Observer>(&encode(&counters()).unwrap()), Err(RecordError::Kind));
        assert_eq!(decode::<Counter>(&seal([1, b'N'], b"\0\0\0\x09r")), Err(RecordError::Senseless));
    }

    #[test]
    fn an_address_of_another_family_is_not_kept() {
        let unix = Address::Unix(b"/x".as_slice().into());
        let ip = Address::Ip(([127, 0, 0, 1], 1).into());
        let observer = Observer { listen: unix, local: ip.clone(), remote: ip, packet: Vec::new() };
        assert_eq!(decode::<Observer>(&encode(&[observer]).unwrap()), Err(RecordError::Senseless));
    }

    fn address() -> impl Strategy<Value = Address> {
        prop_oneof![
            any::<([u8; 4], u16)>().prop_map(|(ip, port)| Address::Ip((ip, port).into())),
            any::<([u8; 16], u16, u32)>().prop_map(|(ip, port, zone)| {
                Address::Ip(SocketAddrV6::new(ip.into(), port, 0, zone).into())
            }),
        ]
    }

    proptest! {
        #[test]
        fn observers_come_back_as_they_were(
            of in proptest::collection::vec((address(), address(), address(), any::<Vec<u8>>()), 0..5)
        ) {
            let records: Vec<_> = of.into_iter()
                .map(|(listen, local, remote, packet)| Observer { listen, local, remote, packet })
                .collect();
            prop_assert_eq!(decode(&encode(&records).unwrap()), Ok(records));
        }

        #[test]
        fn resources_come_back_as_they_were(of in proptest::collection::vec(any::<(Vec<u8>, Vec<u8>)>(), 0..5)) {
            let records: Vec<_> =
                of.into_iter().map(|(path, packet)| DynamicResource { path, packet }).collect();
            prop_assert_eq!(decode(&encode(&records).unwrap()), Ok(records));
        }

        #[test]
        fn no_content_behind_a_right_digest_panics(body: Vec<u8>, kind in prop_oneof![Just(b'R'), Just(b'O'), Just(b'N')]) {
            let bytes = seal([1, kind], &body);
            let _ = (decode::<Observer>(&bytes), decode::<Counter>(&bytes), decode::<DynamicResource>(&bytes));
        }
    }
}
