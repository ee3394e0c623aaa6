//! What is kept, and its bytes.
//!
//! Numbers are big-endian. A field of variable length is that length in four bytes, and so many
//! bytes. How records become a file is the business of [`super::format`].

use crate::address::Address;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// There is more in a field than its length can say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooLong;

/// Something that can be written into a file and read back.
pub trait Field: Sized {
    /// Writes it.
    fn put(&self, to: &mut Fields) -> Result<(), TooLong>;

    /// Reads it back. `None` if the bytes make no sense.
    fn take(from: &mut Rest<'_>) -> Option<Self>;
}

/// Something that is kept in a file of its own kind.
pub trait Record: Field {
    /// Says in the file which kind it is.
    const KIND: u8;

    /// What tells it from the others in its file.
    type Key: Field + Ord + Clone;

    /// Its key: a record takes the place of an earlier one with the same.
    fn key(&self) -> Self::Key;
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
    /// The name of the observation, as long as the server runs that wrote it.
    pub name: u64,
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
    /// The numbers that were sent are below this one.
    pub below: u32,
}

impl Field for DynamicResource {
    fn put(&self, to: &mut Fields) -> Result<(), TooLong> {
        self.path.put(to)?;
        self.packet.put(to)
    }

    fn take(from: &mut Rest<'_>) -> Option<Self> {
        Some(DynamicResource { path: Field::take(from)?, packet: Field::take(from)? })
    }
}

impl Record for DynamicResource {
    const KIND: u8 = b'R';
    type Key = Vec<u8>;

    fn key(&self) -> Vec<u8> {
        self.path.clone()
    }
}

impl Field for Observer {
    fn put(&self, to: &mut Fields) -> Result<(), TooLong> {
        self.name.put(to)?;
        self.listen.put(to)?;
        self.local.put(to)?;
        self.remote.put(to)?;
        self.packet.put(to)
    }

    fn take(from: &mut Rest<'_>) -> Option<Self> {
        Some(Observer {
            name: Field::take(from)?,
            listen: Field::take(from)?,
            local: Field::take(from)?,
            remote: Field::take(from)?,
            packet: Field::take(from)?,
        })
    }
}

impl Record for Observer {
    const KIND: u8 = b'O';
    type Key = u64;

    fn key(&self) -> u64 {
        self.name
    }
}

impl Field for Counter {
    fn put(&self, to: &mut Fields) -> Result<(), TooLong> {
        self.path.put(to)?;
        to.0.extend_from_slice(&self.below.to_be_bytes());
        Ok(())
    }

    fn take(from: &mut Rest<'_>) -> Option<Self> {
        Some(Counter { path: Field::take(from)?, below: u32::from_be_bytes(from.array()?) })
    }
}

impl Record for Counter {
    const KIND: u8 = b'N';
    type Key = Vec<u8>;

    fn key(&self) -> Vec<u8> {
        self.path.clone()
    }
}

impl Field for u64 {
    fn put(&self, to: &mut Fields) -> Result<(), TooLong> {
        to.0.extend_from_slice(&self.to_be_bytes());
        Ok(())
    }

    fn take(from: &mut Rest<'_>) -> Option<Self> {
        from.array().map(u64::from_be_bytes)
    }
}

impl Field for Vec<u8> {
    fn put(&self, to: &mut Fields) -> Result<(), TooLong> {
        to.bytes(self)
    }

    fn take(from: &mut Rest<'_>) -> Option<Self> {
        from.bytes().map(Vec::from)
    }
}

/// The IP address, the port, and the zone of an IPv6 address; for a Unix domain socket nothing, and then its path.
impl Field for Address {
    fn put(&self, to: &mut Fields) -> Result<(), TooLong> {
        let ip = match self {
            Address::Ip(ip) => ip,
            Address::Unix(path) => {
                to.bytes(b"")?;
                return to.bytes(path);
            }
        };
        let mut field = match ip.ip() {
            IpAddr::V4(v4) => v4.octets().to_vec(),
            IpAddr::V6(v6) => v6.octets().to_vec(),
        };
        field.extend_from_slice(&ip.port().to_be_bytes());
        if let SocketAddr::V6(v6) = ip {
            field.extend_from_slice(&v6.scope_id().to_be_bytes());
        }
        to.bytes(&field)
    }

    fn take(from: &mut Rest<'_>) -> Option<Self> {
        let mut field = Rest(from.bytes()?);
        let ip = match field.0.len() {
            0 => return Some(Address::Unix(from.bytes()?.into())),
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

/// The fields of records, as they are written.
#[derive(Default)]
pub struct Fields(pub(super) Vec<u8>);

impl Fields {
    fn bytes(&mut self, field: &[u8]) -> Result<(), TooLong> {
        let length = u32::try_from(field.len()).map_err(|_| TooLong)?;
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(field);
        Ok(())
    }
}

/// What has not been read yet.
pub struct Rest<'a>(pub(super) &'a [u8]);

impl<'a> Rest<'a> {
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn slice(&mut self, length: usize) -> Option<&'a [u8]> {
        let (field, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(field)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = u32::from_be_bytes(self.array()?);
        self.slice(usize::try_from(length).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written<T: Field>(value: &T) -> Vec<u8> {
        let mut fields = Fields::default();
        value.put(&mut fields).unwrap();
        fields.0
    }

    fn address() -> impl Strategy<Value = Address> {
        prop_oneof![
            any::<([u8; 4], u16)>().prop_map(|(ip, port)| Address::Ip((ip, port).into())),
            any::<([u8; 16], u16, u32)>().prop_map(|(ip, port, zone)| {
                Address::Ip(SocketAddrV6::new(ip.into(), port, 0, zone).into())
            }),
            any::<Vec<u8>>().prop_map(|path| Address::Unix(path.into())),
        ]
    }

    /// It comes back from its bytes, and not from fewer.
    fn assert_back<T: Field + PartialEq + std::fmt::Debug>(value: &T) {
        let bytes = written(value);
        for length in 0..bytes.len() {
            assert!(T::take(&mut Rest(&bytes[..length])).is_none(), "{length} of {} bytes", bytes.len());
        }
        let mut rest = Rest(&bytes);
        assert_eq!(T::take(&mut rest).as_ref(), Some(value));
        assert!(rest.0.is_empty());
    }

    proptest! {
        #[test]
        fn records_come_back_as_they_were_and_not_from_less(
            (listen, local, remote) in (address(), address(), address()),
            (name, below) in any::<(u64, u32)>(),
            (path, packet) in any::<(Vec<u8>, Vec<u8>)>(),
        ) {
            assert_back(&Counter { path: path.clone(), below });
            assert_back(&DynamicResource { path, packet: packet.clone() });
            assert_back(&Observer { name, listen, local, remote, packet });
        }
    }
}
