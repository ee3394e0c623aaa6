//! The table of README.md: how many functions of each header exist.

use crate::facts::Facts;
use crate::{Result, export_list, facts_path, text_of};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const BEGIN: &str = "<!-- status: written by `cargo run -p abi -- status` -->\n";
const END: &str = "<!-- end of status -->";

pub(crate) fn update(root: &Path, check: bool) -> Result<()> {
    let path = root.join("README.md");
    let readme = text_of(&path)?;
    let (before, rest) = readme.split_once(BEGIN).ok_or(format!("README.md has no line {BEGIN}"))?;
    let (_, after) = rest.split_once(END).ok_or(format!("README.md has no line {END}"))?;
    let table = table(&Facts::read(&facts_path(root))?, &export_list(root)?);
    let current = format!("{before}{BEGIN}{table}{END}{after}");
    if current == readme {
        return Ok(());
    }
    if check {
        return Err(
            "README.md: the status table is not up to date: run `cargo run -p abi -- status`".to_owned()
        );
    }
    fs::write(&path, current).map_err(|e| e.to_string())
}

fn table(facts: &Facts, exported: &[String]) -> String {
    let mut headers: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (name, fact) in facts.functions().filter(|(_, fact)| !fact.ours) {
        let (there, all) = headers.entry(&fact.header).or_default();
        *there += usize::from(exported.iter().any(|e| e == name));
        *all += 1;
    }
    let mut table = String::from("\n| header | functions | there |\n|---|--:|--:|\n");
    for (header, (there, all)) in &headers {
        table += &format!("| `{header}` | {all} | {there} |\n");
    }
    let (there, all) = headers.values().fold((0, 0), |(a, b), (c, d)| (a + c, b + d));
    table + &format!("| **all** | **{all}** | **{there}** |\n\n")
}
