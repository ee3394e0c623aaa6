//! What the tool takes from the table of facts: which header declares a function, and whether it
//! is deprecated.

use crate::Result;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

pub(crate) struct Facts {
    functions: HashMap<String, Function>,
}

struct Function {
    header: String,
    deprecated: bool,
}

impl Facts {
    pub(crate) fn read(path: &Path) -> Result<Facts> {
        let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let functions = text
            .lines()
            .filter_map(|line| {
                let columns: Vec<&str> = line.split('\t').collect();
                let ["function", header, name, flags, ..] = columns[..] else { return None };
                let function = Function { header: header.to_owned(), deprecated: flags == "deprecated" };
                Some((name.to_owned(), function))
            })
            .collect();
        Ok(Facts { functions })
    }

    pub(crate) fn header_of(&self, function: &str) -> Option<&str> {
        Some(&self.functions.get(function)?.header)
    }

    pub(crate) fn is_deprecated(&self, function: &str) -> bool {
        self.functions.get(function).is_some_and(|f| f.deprecated)
    }
}
