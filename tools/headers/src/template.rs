//! A template of a header. Besides `@DECLS@`, which stands alone in its line, it knows
//!
//! - `@overridable: NAME ...`: these macros are defined only where the program has not done so;
//! - `@if NAME` to `@end`: kept only if the function NAME exists.

use crate::Result;
use crate::source::Functions;
use std::fs;
use std::path::Path;

pub(crate) struct Template {
    lines: Vec<String>,
    overridable: Vec<String>,
}

impl Template {
    pub(crate) fn read(path: &Path) -> Result<Template> {
        let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let mut template = Template { lines: Vec::new(), overridable: Vec::new() };
        for line in text.lines() {
            match line.strip_prefix("@overridable:") {
                Some(names) => template.overridable.extend(names.split_whitespace().map(str::to_owned)),
                None => template.lines.push(line.to_owned()),
            }
        }
        Ok(template)
    }

    /// Whether the template itself defines this macro, which then is not generated.
    pub(crate) fn defines(&self, name: &str) -> bool {
        self.lines.iter().any(|line| {
            let mut words = line.trim_start_matches(['#', ' ']).split_whitespace();
            line.starts_with('#') && words.next() == Some("define") && words.next() == Some(name)
        })
    }

    /// Whether the template itself names this type by a `typedef`, so that only the body follows.
    pub(crate) fn names_type(&self, name: &str) -> bool {
        self.lines.iter().any(|line| *line == format!("typedef struct {name} {name};"))
    }

    pub(crate) fn is_overridable(&self, name: &str) -> bool {
        self.overridable.iter().any(|known| known == name)
    }

    pub(crate) fn fill(&self, declarations: &str, functions: &Functions) -> String {
        let mut text = String::new();
        let mut keep = true;
        for line in &self.lines {
            if let Some(name) = line.strip_prefix("@if ") {
                keep = functions.exist(name.trim());
            } else if line == "@end" {
                keep = true;
            } else if line == "@DECLS@" {
                text += declarations;
            } else if keep {
                text += line;
                text += "\n";
            }
        }
        squeeze(&text)
    }
}

/// At most one empty line in a row.
fn squeeze(text: &str) -> String {
    let mut squeezed = String::new();
    let mut empty = false;
    for line in text.lines() {
        if !(line.is_empty() && empty) {
            squeezed += line.trim_end();
            squeezed += "\n";
        }
        empty = line.is_empty();
    }
    squeezed
}
