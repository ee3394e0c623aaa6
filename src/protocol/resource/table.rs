//! The resources of one context, found by path and listed in the order of adding.

use super::{Kind, Resource};
use crate::message::link_format::{Filter, Window};
use hashbrown::{DefaultHashBuilder, HashTable};
use slab::Slab;
use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::sync::Arc;

/// Names a resource in its table, and nothing once that resource is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId {
    key: u32,
    serial: u64,
}

#[cfg(test)]
impl ResourceId {
    pub(crate) const fn for_test(key: u32) -> Self {
        ResourceId { key, serial: 0 }
    }
}

/// A resource in the table, with what the table's owner keeps beside it.
#[derive(Debug)]
pub struct Entry<H> {
    /// The resource.
    pub resource: Arc<Resource>,
    /// What the owner of the table keeps with it.
    pub handle: H,
    serial: u64,
}

/// The resource is in the table already; it was left where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the resource was added before")]
pub struct AlreadyAdded(pub ResourceId);

/// The resources of one context. `H` is what the owner keeps beside each: handlers, say.
#[derive(Debug)]
pub struct Table<H> {
    entries: Slab<Entry<H>>,
    /// Keys of the plain resources by the hash of their path. The hash is keyed, since peers can
    /// have resources created with paths of their choice.
    by_path: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// Keys of the plain resources by serial number: the order of adding.
    order: BTreeMap<u64, u32>,
    /// The unknown or the reverse-proxy handler; there is one of both.
    fallback: Option<ResourceId>,
    proxy: Option<ResourceId>,
    next_serial: u64,
}

impl<H> Default for Table<H> {
    fn default() -> Self {
        Table {
            entries: Slab::new(),
            by_path: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            order: BTreeMap::new(),
            fallback: None,
            proxy: None,
            next_serial: 0,
        }
    }
}

impl<H> Table<H> {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a resource. What stood in its place is taken out and handed back: a plain resource
    /// with the same path, or the unknown, reverse-proxy or proxy handler before.
    pub fn add(
        &mut self,
        resource: Arc<Resource>,
        handle: H,
    ) -> Result<(ResourceId, Option<Entry<H>>), AlreadyAdded> {
        let replaced = self.replaced_by(&resource)?.and_then(|id| self.remove(id));
        Ok((self.insert(resource, handle), replaced))
    }

    /// Which resource must make room for this one when it is added.
    pub fn replaced_by(&self, resource: &Arc<Resource>) -> Result<Option<ResourceId>, AlreadyAdded> {
        let before = match resource.kind() {
            Kind::Plain => self.find(resource.path()),
            Kind::Unknown | Kind::ReverseProxy => self.fallback,
            Kind::ProxyUri { .. } => self.proxy,
        };
        match before.and_then(|id| Some((id, self.get(id)?))) {
            Some((id, entry)) if Arc::ptr_eq(&entry.resource, resource) => Err(AlreadyAdded(id)),
            _ => Ok(before),
        }
    }

    fn insert(&mut self, resource: Arc<Resource>, handle: H) -> ResourceId {
        let serial = self.next_serial;
        self.next_serial += 1;
        let key = self.entries.insert(Entry { resource: Arc::clone(&resource), handle, serial }) as u32;
        let id = ResourceId { key, serial };
        match resource.kind() {
            Kind::Plain => {
                let hash = self.hasher.hash_one(resource.path());
                self.by_path.insert_unique(hash, key, |&key| {
                    self.hasher
                        .hash_one(self.entries.get(key as usize).map_or(&[][..], |e| e.resource.path()))
                });
                self.order.insert(serial, key);
            }
            Kind::Unknown | Kind::ReverseProxy => self.fallback = Some(id),
            Kind::ProxyUri { .. } => self.proxy = Some(id),
        }
        id
    }

    /// Takes a resource out.
    pub fn remove(&mut self, id: ResourceId) -> Option<Entry<H>> {
        self.get(id)?;
        let entry = self.entries.try_remove(id.key as usize)?;
        if self.order.remove(&id.serial).is_some() {
            let hash = self.hasher.hash_one(entry.resource.path());
            if let Ok(found) = self.by_path.find_entry(hash, |&key| key == id.key) {
                found.remove();
            }
        }
        for slot in [&mut self.fallback, &mut self.proxy] {
            slot.take_if(|s| *s == id);
        }
        Some(entry)
    }

    /// Takes any resource out, so that a loop empties the table: plain ones in the order of
    /// adding, then the unknown or reverse-proxy handler, then the proxy handler.
    pub fn pop(&mut self) -> Option<Entry<H>> {
        let first = self.order.iter().next().map(|(&serial, &key)| ResourceId { key, serial });
        self.remove(first.or(self.fallback).or(self.proxy)?)
    }

    /// The resource with this name, if it still is in the table.
    pub fn get(&self, id: ResourceId) -> Option<&Entry<H>> {
        self.entries.get(id.key as usize).filter(|e| e.serial == id.serial)
    }

    /// The plain resource with this path.
    pub fn find(&self, path: &[u8]) -> Option<ResourceId> {
        let hash = self.hasher.hash_one(path);
        let has_path = |&key: &u32| self.entries.get(key as usize).is_some_and(|e| e.resource.path() == path);
        let &key = self.by_path.find(hash, has_path)?;
        self.entries.get(key as usize).map(|e| ResourceId { key, serial: e.serial })
    }

    /// The unknown or reverse-proxy handler.
    pub fn fallback(&self) -> Option<(ResourceId, &Entry<H>)> {
        self.fallback.and_then(|id| Some((id, self.get(id)?)))
    }

    /// The proxy handler.
    pub fn proxy(&self) -> Option<(ResourceId, &Entry<H>)> {
        self.proxy.and_then(|id| Some((id, self.get(id)?)))
    }

    /// The plain resources in the order of adding, which is the order `/.well-known/core` has.
    pub fn iter(&self) -> impl Iterator<Item = (ResourceId, &Entry<H>)> {
        self.order.iter().filter_map(|(&serial, &key)| {
            let id = ResourceId { key, serial };
            self.get(id).map(|entry| (id, entry))
        })
    }

    /// How many resources there are, of all kinds.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Writes the links that `filter` wants, as `/.well-known/core` shows them (RFC 6690 §4).
    pub fn write_well_known(&self, filter: &Filter<'_>, to: &mut Window<'_>) {
        for (_, entry) in self.iter() {
            entry.resource.with_link(|link| {
                if filter.wants(link) {
                    if to.total() > 0 {
                        to.push(b",");
                    }
                    link.write(to);
                }
            });
        }
    }

    /// The whole text of the same list.
    pub fn well_known(&self, filter: &Filter<'_>) -> Vec<u8> {
        let mut measure = Window::new(&mut [], 0);
        self.write_well_known(filter, &mut measure);
        let mut text = vec![0; measure.total()];
        let mut window = Window::new(&mut text, 0);
        self.write_well_known(filter, &mut window);
        // An attribute may have been added in between.
        let filled = window.filled();
        text.truncate(filled);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::super::Flags;
    use super::*;
    use proptest::prelude::*;

    fn resource(path: &str, kind: Kind) -> Arc<Resource> {
        Arc::new(Resource::new(path.as_bytes(), kind, Flags::default()))
    }

    fn plain(path: &str) -> Arc<Resource> {
        resource(path, Kind::Plain)
    }

    fn list(table: &Table<u32>, query: &str) -> String {
        String::from_utf8(table.well_known(&Filter::new(query.as_bytes()))).unwrap()
    }

    #[test]
    fn a_path_added_again_replaces_and_moves_to_the_end() {
        let mut table = Table::new();
        let (first, _) = table.add(plain("a"), 1).unwrap();
        table.add(plain("b"), 2).unwrap();
        let (second, replaced) = table.add(plain("a"), 3).unwrap();
        assert_eq!(replaced.map(|e| e.handle), Some(1));
        assert!(table.get(first).is_none());
        assert_eq!(table.find(b"a"), Some(second));
        assert_eq!(list(&table, ""), "</b>,</a>");
    }

    #[test]
    fn the_same_resource_added_twice_stays_where_it_is() {
        let mut table = Table::new();
        for kind in [Kind::Plain, Kind::Unknown, Kind::ProxyUri { hosts: [].into() }] {
            let r = resource("a", kind);
            let (id, _) = table.add(Arc::clone(&r), 1).unwrap();
            assert_eq!(table.add(r, 2).err(), Some(AlreadyAdded(id)));
        }
        assert_eq!(table.len(), 3);
    }

    #[test]
    fn there_is_one_unknown_or_reverse_proxy_handler_and_one_proxy_handler() {
        let mut table = Table::new();
        table.add(resource("u", Kind::Unknown), 1).unwrap();
        let (rev, replaced) = table.add(resource("r", Kind::ReverseProxy), 2).unwrap();
        assert_eq!(replaced.map(|e| e.handle), Some(1));
        table.add(resource("p", Kind::ProxyUri { hosts: [].into() }), 3).unwrap();
        assert_eq!(table.fallback().map(|(id, _)| id), Some(rev));
        assert_eq!(table.proxy().map(|(_, e)| e.handle), Some(3));
        assert_eq!(table.find(b"r"), None, "found by no path");
        assert_eq!(list(&table, ""), "");
        assert!(table.remove(rev).is_some());
        assert!(table.fallback().is_none());
    }

    #[test]
    fn an_id_does_not_name_the_resource_that_took_its_place() {
        let mut table = Table::new();
        let (old, _) = table.add(plain("a"), 1).unwrap();
        table.remove(old).unwrap();
        table.add(plain("b"), 2).unwrap();
        assert!(table.get(old).is_none());
        assert!(table.remove(old).is_none());
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn the_list_shows_only_what_the_query_asks_for() {
        let mut table = Table::new();
        for (path, rt) in [("a", "one"), ("b", "two"), ("c", "one")] {
            let r = plain(path);
            r.add_attribute(b"rt", Some(rt.as_bytes()));
            table.add(r, 0).unwrap();
        }
        assert_eq!(list(&table, "rt=one"), "</a>;rt=one,</c>;rt=one");
        assert_eq!(list(&table, "href=/b"), "</b>;rt=two");
        assert_eq!(list(&table, "rt=three"), "");
    }

    #[test]
    fn pop_empties_the_table() {
        let mut table = Table::new();
        table.add(resource("p", Kind::ProxyUri { hosts: [].into() }), 1).unwrap();
        table.add(resource("u", Kind::Unknown), 2).unwrap();
        table.add(plain("b"), 3).unwrap();
        table.add(plain("a"), 4).unwrap();
        let handles: Vec<u32> = core::iter::from_fn(|| table.pop()).map(|e| e.handle).collect();
        assert_eq!(handles, [3, 4, 2, 1]);
        assert!(table.is_empty());
    }

    proptest! {
        #[test]
        fn the_table_agrees_with_a_plain_list(ops in proptest::collection::vec((any::<bool>(), 0u8..6), 0..60)) {
            let mut table = Table::new();
            let mut model: Vec<(String, u32)> = Vec::new();
            for (n, (add, path)) in ops.into_iter().enumerate() {
                let path = path.to_string();
                if add {
                    table.add(plain(&path), n as u32).unwrap();
                    model.retain(|(p, _)| *p != path);
                    model.push((path, n as u32));
                } else {
                    let removed = table.find(path.as_bytes()).and_then(|id| table.remove(id));
                    prop_assert_eq!(removed.is_some(), model.iter().any(|(p, _)| *p == path));
                    model.retain(|(p, _)| *p != path);
                }
            }
            let got: Vec<_> = table.iter().map(|(_, e)| (String::from_utf8_lossy(e.resource.path()).into_owned(), e.handle)).collect();
            prop_assert_eq!(&got, &model);
            for (path, handle) in &model {
                let found = table.find(path.as_bytes()).and_then(|id| table.get(id)).map(|e| e.handle);
                prop_assert_eq!(found, Some(*handle));
            }
        }
    }
}
