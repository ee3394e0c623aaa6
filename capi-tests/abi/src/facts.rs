//! The table: one fact per line, five columns with tabs between them.
//!
//! - kind: `function`, `inline`, `size`, `align`, `field`, `offset`, `bits`, `value`, `type`,
//!   `macro`, `call` (a macro with parameters);
//! - the header that holds it;
//! - its name, for members `OWNER.MEMBER`;
//! - `deprecated` or `-`;
//! - its value: a number, a text in quotes, a type or signature as bindgen writes it, or `-` where
//!   only the name counts.
//!
//! Lines that begin with `#` are remarks.

use crate::Result;
use std::collections::BTreeMap;
use std::path::Path;

pub(crate) struct Facts {
    facts: BTreeMap<(String, String), Fact>,
}

pub(crate) struct Fact {
    pub(crate) header: String,
    pub(crate) deprecated: bool,
    /// The reference does not have it.
    pub(crate) ours: bool,
    pub(crate) value: String,
}

impl Facts {
    pub(crate) fn read(path: &Path) -> Result<Facts> {
        let mut facts = BTreeMap::new();
        for (number, line) in crate::text_of(path)?.lines().enumerate() {
            if line.starts_with('#') || line.is_empty() {
                continue;
            }
            let columns: Vec<&str> = line.split('\t').collect();
            let [kind, header, name, flags, value] = columns[..] else {
                return Err(format!("{}:{}: not five columns", path.display(), number + 1));
            };
            let fact = Fact {
                header: header.to_owned(),
                deprecated: flags == "deprecated",
                ours: flags == "ours",
                value: value.to_owned(),
            };
            facts.insert((kind.to_owned(), name.to_owned()), fact);
        }
        Ok(Facts { facts })
    }

    pub(crate) fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Fact)> {
        self.facts.iter().filter(move |((k, _), _)| k == kind).map(|((_, name), fact)| (name.as_str(), fact))
    }

    pub(crate) fn functions(&self) -> impl Iterator<Item = (&str, &Fact)> {
        self.of_kind("function")
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (&(String, String), &Fact)> {
        self.facts.iter()
    }

    pub(crate) fn get(&self, kind: &str, name: &str) -> Option<&Fact> {
        self.facts.get(&(kind.to_owned(), name.to_owned()))
    }
}
