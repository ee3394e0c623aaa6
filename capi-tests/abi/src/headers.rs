//! The gates of the headers.

use crate::facts::Facts;
use crate::read::{self, Declared};
use crate::{Report, Result, export_list, text_of};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// The languages that a header has to be valid in.
const LANGUAGES: [(&str, &str, &str); 3] =
    [("cc", "c", "-std=c11"), ("cc", "c", "-std=gnu99"), ("c++", "c++", "-std=c++17")];

/// Checks the headers and returns what they declare.
pub(crate) fn check(root: &Path, facts: &Facts, report: &mut Report) -> Result<Declared> {
    let include = root.join("include");
    report.gate("headers: each compiles alone, in C11, gnu99 and C++17", &alone(&include)?);
    let declared = read::headers(&include)?;
    let exported: BTreeSet<String> = export_list(root)?.into_iter().collect();
    report.gate(
        "headers: sizes, offsets, numbers, types and signatures",
        &compare(&declared, facts, &exported),
    );
    report.gate("headers: each item stands in its header", &places(&include, facts, &exported)?);
    report.gate("headers: functions declared = functions exported", &both_ways(&declared, &exported));
    report.gate("headers: macros", &macros(&include, facts)?);
    Ok(declared)
}

/// Every header by itself, included twice, with no warning.
fn alone(include: &Path) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for name in header_names(include)? {
        let source = format!("#include <coap3/{name}>\n#include <coap3/{name}>\nextern int declared;\n");
        for (compiler, language, standard) in LANGUAGES {
            let arguments = ["-x", language, standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror"];
            if let Err(message) = compile(compiler, &arguments, include, &source)? {
                let first = message.lines().find(|line| line.contains("error:")).unwrap_or(&message);
                faults.push(format!("{name}, {standard}: {first}"));
            }
        }
    }
    Ok(faults)
}

/// All that the table knows, apart from functions that do not exist yet, is declared just so, and
/// nothing that the table does not know has its own size or number.
fn compare(declared: &Declared, facts: &Facts, exported: &BTreeSet<String>) -> Vec<String> {
    let mut faults = Vec::new();
    for ((kind, name), fact) in facts.all() {
        let kind = match kind.as_str() {
            // The first two are for the compiler, and bindgen does not see the third.
            "macro" | "call" | "inline" => continue,
            "function" if !exported.contains(name) => continue,
            other => other,
        };
        match declared.iter().find(|((k, n), _)| *k == kind && n == name) {
            None => faults.push(format!("{kind} {name} is not declared")),
            Some((_, value)) if *value != fact.value => {
                faults.push(format!("{kind} {name} is {value}, and has to be {}", fact.value));
            }
            Some(_) => {}
        }
    }
    for (kind, name) in declared.keys().filter(|(kind, _)| *kind == "size" || *kind == "value") {
        if facts.get(kind, name).is_none() && !is_newer_name(name) {
            faults.push(format!("{kind} {name} is declared, but no program can know it"));
        }
    }
    faults
}

/// The names that the release after 4.3.5 gave to four ways of proxying.
fn is_newer_name(name: &str) -> bool {
    ["STATIC", "STATIC_STRIP", "DYNAMIC", "DYNAMIC_STRIP"]
        .iter()
        .any(|way| name == format!("coap_proxy_t.COAP_PROXY_FORWARD_{way}"))
}

/// A program that includes one header finds there what it found in the reference's.
fn places(include: &Path, facts: &Facts, exported: &BTreeSet<String>) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for name in header_names(include)? {
        let text = text_of(&include.join("coap3").join(&name))?;
        let words: BTreeSet<&str> = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
        for ((kind, item), _) in facts.all().filter(|(_, fact)| fact.header == name) {
            // bindgen names an unnamed union after its owner, and `type` is `type_` to it.
            let item = item.split("__bindgen").next().unwrap_or(item);
            let item = item.rsplit('.').next().unwrap_or(item).trim_end_matches('_');
            if !words.contains(item) && (kind != "function" || exported.contains(item)) {
                faults.push(format!("{name}: no {kind} {item}"));
            }
        }
        let deprecated = |item: &str| {
            text.match_indices(&format!("{item}(")).any(|(at, _)| {
                text[..at].rsplit("\n\n").next().is_some_and(|before| before.contains("COAP_DEPRECATED"))
            })
        };
        for (item, fact) in facts.functions().chain(facts.of_kind("inline")) {
            if fact.header == name && fact.deprecated && words.contains(item) && !deprecated(item) {
                faults.push(format!("{name}: {item} is not marked COAP_DEPRECATED"));
            }
        }
    }
    Ok(faults)
}

fn both_ways(declared: &Declared, exported: &BTreeSet<String>) -> Vec<String> {
    let functions: BTreeSet<&str> =
        declared.keys().filter(|(kind, _)| *kind == "function").map(|(_, name)| name.as_str()).collect();
    let exported: BTreeSet<&str> = exported.iter().map(String::as_str).collect();
    let undeclared = exported.difference(&functions).map(|name| format!("{name} is exported, not declared"));
    let unexported = functions.difference(&exported).map(|name| format!("{name} is declared, not exported"));
    undeclared.chain(unexported).collect()
}

/// The compiler evaluates every macro that is an expression; of the others, the name is looked for.
fn macros(include: &Path, facts: &Facts) -> Result<Vec<String>> {
    let mut source = String::from("#include <coap3/coap.h>\n#include <coap3/coap_defines.h>\n");
    for (name, fact) in facts.of_kind("macro").chain(facts.of_kind("call")) {
        let value = &fact.value;
        source += &format!("#ifndef {name}\n#error \"{name} is not defined\"\n#endif\n");
        if value.starts_with('"') {
            source += &format!("_Static_assert(__builtin_strcmp({name}, {value}) == 0, \"{name}\");\n");
        } else if value != "-" {
            source +=
                &format!("_Static_assert((long long)({name}) == {value}LL, \"{name} has another value\");\n");
        }
    }
    let arguments = ["-x", "c", "-std=gnu11", "-Wall", "-Wextra", "-Werror"];
    Ok(match compile("cc", &arguments, include, &source)? {
        Ok(()) => Vec::new(),
        Err(message) => message.lines().filter(|l| l.contains("error")).map(str::to_owned).collect(),
    })
}

fn header_names(include: &Path) -> Result<Vec<String>> {
    let directory = include.join("coap3");
    let entries = fs::read_dir(&directory).map_err(|e| format!("{}: {e}", directory.display()))?;
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

/// Has a compiler look at a source; what it says if it does not like it.
fn compile(
    compiler: &str,
    arguments: &[&str],
    include: &Path,
    source: &str,
) -> Result<std::result::Result<(), String>> {
    let mut child = Command::new(compiler)
        .args(arguments)
        .args(["-fsyntax-only", "-I"])
        .arg(include)
        .arg("-")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("{compiler}: {e}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(source.as_bytes()).map_err(|e| e.to_string())?;
    }
    let output = child.wait_with_output().map_err(|e| e.to_string())?;
    Ok(if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    })
}
