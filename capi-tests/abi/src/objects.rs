//! The gates of the built objects: `build/VARIANT/lib` and the archive that Cargo made.

use crate::read::Declared;
use crate::{Report, Result, export_list, output_of, text_of};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The libraries that may define what the object leaves undefined, by their symbol versions.
const SYSTEM_VERSIONS: [&str; 3] = ["GLIBC_", "GCC_", "OPENSSL_3"];

pub(crate) fn check(root: &Path, declared: &Declared, report: &mut Report) -> Result<()> {
    let variants = expectations(&text_of(&root.join("capi-tests/abi/objects.txt"))?);
    let exported: BTreeSet<String> = export_list(root)?.into_iter().collect();
    for (variant, expected) in &variants {
        let build = root.join("build").join(variant);
        let lib = build.join("lib");
        let object = lib.join(format!("libcoap-3-{variant}.so.3.2.0"));
        if !object.exists() {
            return Err(format!("{} is not there: run make", object.display()));
        }
        let gate = |name: &str| format!("{variant}: {name}");
        report.gate(&gate("every symbol is versioned, and as listed"), &symbols(&object, &exported)?);
        report.gate(&gate("undefined symbols come from the system's libraries"), &undefined(&object)?);
        report.gate(
            &gate("file names, SONAME, needed and native libraries"),
            &names(&build, variant, expected)?,
        );
        let archive = lib.join(format!("libcoap-3-{variant}.a"));
        report.gate(&gate("the static archive defines the same"), &archive_symbols(&archive, &exported)?);
        let raw = root.join("target").join(variant).join("release/libcoap_3.a");
        report.gate(&gate("no other coap_ name in the raw archive"), &stray(&raw, &exported, declared)?);
    }
    for entry in fs::read_dir(root.join("build")).map_err(|e| e.to_string())?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().join("lib").is_dir() && !variants.contains_key(&name) {
            report.gate(&format!("{name}: is listed in objects.txt"), &["it is not".to_owned()]);
        }
    }
    Ok(())
}

/// `VARIANT.KEY = value`, a line each.
fn expectations(text: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut variants: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some((key, value)) = line.split_once(" = ")
            && let Some((variant, key)) = key.split_once('.')
        {
            variants.entry(variant.to_owned()).or_default().insert(key.to_owned(), value.to_owned());
        }
    }
    variants
}

fn symbols(object: &Path, exported: &BTreeSet<String>) -> Result<Vec<String>> {
    let text =
        output_of(Command::new("nm").args(["-D", "--defined-only", "--with-symbol-versions"]).arg(object))?;
    let mut faults = Vec::new();
    let mut found = BTreeSet::new();
    for symbol in
        text.lines().filter_map(|line| line.split_whitespace().last()).filter(|name| *name != "VER_3")
    {
        match symbol.strip_suffix("@@VER_3") {
            Some(name) => {
                found.insert(name.to_owned());
            }
            None => faults.push(format!("{symbol} is not of version VER_3")),
        }
    }
    faults.extend(difference(&found, exported));
    Ok(faults)
}

fn undefined(object: &Path) -> Result<Vec<String>> {
    let text =
        output_of(Command::new("nm").args(["-D", "--undefined-only", "--with-symbol-versions"]).arg(object))?;
    let foreign = |line: &str| {
        let mut words = line.split_whitespace();
        let (kind, symbol) = (words.next()?, words.next()?);
        let version = symbol.split_once('@').map_or("", |(_, version)| version);
        // Weak names may stay undefined: they are what start-up code and sanitizers would bring.
        let known = kind == "w" || SYSTEM_VERSIONS.iter().any(|system| version.starts_with(system));
        (!known).then(|| format!("{symbol} is left undefined"))
    };
    Ok(text.lines().filter_map(foreign).collect())
}

fn names(build: &Path, variant: &str, expected: &BTreeMap<String, String>) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    let file = format!("libcoap-3-{variant}.so.3.2.0");
    let lib = build.join("lib");
    for link in [format!("libcoap-3-{variant}.so.3"), format!("libcoap-3-{variant}.so")] {
        if fs::read_link(lib.join(&link)).ok() != Some(file.clone().into()) {
            faults.push(format!("{link} does not lead to {file}"));
        }
    }
    let dynamic = output_of(Command::new("readelf").args(["-d", "-W"]).arg(lib.join(&file)))?;
    let values = |tag: &str| {
        let mut values: Vec<&str> = dynamic
            .lines()
            .filter(|line| line.contains(tag))
            .filter_map(|line| line.split_once('[')?.1.strip_suffix(']'))
            .collect();
        values.sort_unstable();
        values.join(" ")
    };
    let native = text_of(&build.join("native-static-libs"))?.trim().to_owned();
    for (key, found) in [("soname", values("(SONAME)")), ("needed", values("(NEEDED)")), ("native", native)] {
        let wanted = expected.get(key).map_or("", String::as_str);
        if found != wanted {
            faults.push(format!("{key} is `{found}`, and has to be `{wanted}`"));
        }
    }
    Ok(faults)
}

fn archive_symbols(archive: &Path, exported: &BTreeSet<String>) -> Result<Vec<String>> {
    Ok(difference(&global(archive)?, exported))
}

/// An internal name that begins with `coap_` could clash with a name of the program's.
fn stray(raw: &Path, exported: &BTreeSet<String>, declared: &Declared) -> Result<Vec<String>> {
    let names = global(raw)?;
    let stray =
        names.iter().filter(|name| name.starts_with("coap_") && !exported.contains(*name)).map(|name| {
            let hint = if declared.contains_key(&("function", name.clone())) {
                "run `make headers`"
            } else {
                "rename it"
            };
            format!("{name} is global, but not in libcoap-3.sym: {hint}")
        });
    Ok(stray.collect())
}

fn global(archive: &Path) -> Result<BTreeSet<String>> {
    let output = Command::new("nm")
        .args(["-g", "--defined-only"])
        .arg(archive)
        .output()
        .map_err(|e| format!("nm {}: {e}", archive.display()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let names: BTreeSet<String> = text
        .lines()
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            if let [_, _, name] = words[..] { Some(name.to_owned()) } else { None }
        })
        .collect();
    if names.is_empty() { Err(format!("nm {}: no symbols", archive.display())) } else { Ok(names) }
}

fn difference(found: &BTreeSet<String>, exported: &BTreeSet<String>) -> Vec<String> {
    let extra = found.difference(exported).map(|name| format!("{name} is there, but not listed"));
    let absent = exported.difference(found).map(|name| format!("{name} is listed, but not there"));
    extra.chain(absent).collect()
}
