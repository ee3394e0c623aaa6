//! Writes the public headers and the export list, or with `--check` compares them with what is
//! committed.
//!
//! `include/coap3/X.h` is `include/templates/X.h` with its line `@DECLS@` replaced by what
//! `src/capi/types/` and `src/capi/` declare for that header. A template holds what cbindgen cannot
//! express: includes, macros with parameters, inline functions. `libcoap-3.sym` lists every
//! exported function, one per line, sorted.

mod facts;
mod render;
mod source;
mod template;

use facts::Facts;
use source::Functions;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

type Result<T> = std::result::Result<T, String>;

fn main() -> ExitCode {
    let check = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--check") => true,
        Some(other) => {
            eprintln!("usage: headers [--check]: there is no `{other}`");
            return ExitCode::from(2);
        }
    };
    match run(&root(), check) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn run(root: &Path, check: bool) -> Result<()> {
    render::listen_to_cbindgen();
    let facts = Facts::read(&root.join("capi-tests/abi/facts.tsv"))?;
    let functions = Functions::read(&root.join("src/capi"))?;
    functions.all_have_a_header(&facts)?;

    let mut outputs = vec![(root.join("libcoap-3.sym"), functions.export_list())];
    for path in files(&root.join("include/templates"), "h")? {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let template = template::Template::read(&path)?;
        let source = source::for_header(root, &name, &functions, &facts)?;
        let declarations = render::declarations(&name, &source, &template)?;
        outputs.push((root.join("include/coap3").join(&name), template.fill(&declarations, &functions)));
    }

    let mut stale = Vec::new();
    for (path, text) in &outputs {
        if fs::read_to_string(path).is_ok_and(|current| current == *text) {
            continue;
        }
        stale.push(path.strip_prefix(root).unwrap_or(path).display().to_string());
        if !check {
            fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))?;
        }
    }
    match (check, stale.is_empty()) {
        (true, false) => Err(format!("not up to date: {}\nrun `make headers`", stale.join(", "))),
        _ => {
            println!(
                "{} headers, {} functions, {} rewritten",
                outputs.len() - 1,
                functions.count(),
                stale.len()
            );
            Ok(())
        }
    }
}

/// The root of the repository, which holds this tool in `tools/headers`.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new(".")).to_owned()
}

/// The files of `directory` with this extension, sorted.
fn files(directory: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory).map_err(|e| format!("{}: {e}", directory.display()))?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .collect();
    paths.sort();
    Ok(paths)
}
