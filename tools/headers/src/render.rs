//! Has cbindgen write the declarations of one header, and mends what it cannot say: unnamed unions,
//! bit-fields, types whose `typedef` stands elsewhere, macros that a program may define itself.

use crate::Result;
use crate::source;
use crate::template::Template;
use cbindgen::{Builder, Config, DocumentationStyle, ExportConfig, Language, Style};
use std::collections::HashMap;
use std::fs;
use std::sync::Mutex;
use syn::File;

/// Types that come from the system or from another of our headers are unknown to cbindgen, rightly.
const SYSTEM_TYPES: [&str; 4] = ["fd_set", "sa_family_t", "socklen_t", "time_t"];
const SYSTEM_STRUCTS: [&str; 5] = ["epoll_event", "sockaddr", "sockaddr_in", "sockaddr_in6", "timeval"];

pub(crate) fn declarations(header: &str, source: &File, template: &Template) -> Result<String> {
    if source.items.is_empty() {
        return Ok(String::new());
    }
    let raw = generate(header, source)?;
    let raw = inline_unions(&raw);
    let raw = bit_fields(&raw);
    let raw = detach_typedefs(&raw, header, template);
    let raw = plain_names(&raw);
    Ok(one_line_comments(&macros(&raw, template)))
}

fn generate(header: &str, source: &File) -> Result<String> {
    let path = std::env::temp_dir().join(format!("headers-{}-{header}.rs", std::process::id()));
    fs::write(&path, source::text(source)).map_err(|e| format!("{}: {e}", path.display()))?;
    let rename = SYSTEM_STRUCTS.map(|name| (name.to_owned(), format!("struct {name}")));
    let mut config = Config {
        language: Language::C,
        style: Style::Both,
        no_includes: true,
        usize_is_size_t: true,
        documentation: true,
        documentation_style: DocumentationStyle::Doxy,
        line_length: 100,
        tab_width: 2,
        export: ExportConfig {
            include: source::type_names(source),
            rename: HashMap::from(rename),
            ..ExportConfig::default()
        },
        ..Config::default()
    };
    config.function.deprecated = Some("COAP_DEPRECATED".to_owned());
    let bindings = Builder::new().with_config(config).with_src(&path).generate();
    let _ = fs::remove_file(&path);
    let bindings = bindings.map_err(|e| format!("{header}: {e}"))?;
    let complaints: Vec<String> = std::mem::take(&mut *COMPLAINTS.lock().map_err(|e| e.to_string())?);
    if !complaints.is_empty() {
        return Err(format!("{header}: {}", complaints.join("\n")));
    }
    let mut text = Vec::new();
    bindings.write(&mut text);
    String::from_utf8(text).map_err(|e| e.to_string())
}

/// Puts the body of each `union X_u` in place of its one use, as an unnamed union.
fn inline_unions(text: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    while let Some(start) = lines.iter().position(|l| l.starts_with("typedef union ") && l.ends_with("_u {"))
    {
        let Some(length) = lines[start..].iter().position(|l| l.starts_with('}')) else { break };
        let name = lines[start].trim_start_matches("typedef union ").trim_end_matches(" {").to_owned();
        let body: Vec<String> = lines[start + 1..start + length].iter().map(|l| format!("  {l}")).collect();
        let comment = lines[..start].iter().rposition(|l| l == "/**").unwrap_or(start);
        lines.drain(comment..=start + length);
        let usage = format!("union {name} ");
        if let Some(at) = lines.iter().position(|l| l.trim_start().starts_with(&usage)) {
            let field = lines[at].trim_start().trim_start_matches(&usage).to_owned();
            lines.splice(
                at..=at,
                [vec!["  union {".to_owned()], body, vec![format!("  }} {field}")]].concat(),
            );
        }
    }
    lines.join("\n") + "\n"
}

/// Turns a field whose comment lists bit-fields into those.
fn bit_fields(text: &str) -> String {
    let mut out = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line != "  /**" {
            out += line;
            out += "\n";
            continue;
        }
        let mut comment = vec![line];
        comment.extend(lines.by_ref().take_while(|l| *l != "   */"));
        if comment.get(1).is_none_or(|l| *l != "   * Bit-fields, from the lowest bit:") {
            out += &comment.join("\n");
            out += "\n   */\n";
            continue;
        }
        lines.next(); // the integer that stands for them in Rust
        for bits in comment.iter().filter_map(|l| l.strip_prefix("   * - `")) {
            if let Some((declaration, about)) = bits.split_once("`: ") {
                out += &format!("  /**\n   * {about}\n   */\n  {declaration};\n");
            }
        }
    }
    out
}

/// Leaves the `typedef` of a struct to the place that already has it: a template, or
/// `coap_forward_decls.h`.
fn detach_typedefs(text: &str, header: &str, template: &Template) -> String {
    let named_elsewhere =
        |name: &str| template.names_type(name) || (header == "coap_address.h" && name == "coap_address_t");
    let mut out = String::new();
    let mut detached = None;
    for line in text.lines() {
        let name = line.strip_prefix("typedef struct ").and_then(|l| l.strip_suffix(" {"));
        if let Some(name) = name.filter(|name| named_elsewhere(name)) {
            detached = Some(format!("}} {name};"));
            out += &format!("struct {name} {{\n");
        } else if detached.as_deref() == Some(line) {
            detached = None;
            out += "};\n";
        } else {
            out += line;
            out += "\n";
        }
    }
    out
}

/// Writes `coap_x_t` for `struct coap_x_t`, but for a struct inside its own definition.
fn plain_names(text: &str) -> String {
    let mut out = String::new();
    let mut own = String::new();
    for line in text.lines() {
        let definition = line.strip_suffix(" {").and_then(|line| line.split_whitespace().last());
        if let Some(name) = definition.filter(|_| !line.starts_with(' ')) {
            own = format!("struct {name} ");
            out += line;
        } else if line.trim_start().starts_with('*') || line.trim_start().starts_with(&own) && !own.is_empty()
        {
            out += line;
        } else {
            out += &line
                .replace("enum coap_", "coap_")
                .replace("struct coap_", "coap_")
                .replace("union coap_", "coap_");
        }
        if line.starts_with('}') {
            own.clear();
        }
        out += "\n";
    }
    out
}

/// Drops the macros that the template defines, and guards those that a program may define.
fn macros(text: &str, template: &Template) -> String {
    let mut out = String::new();
    let mut comment = String::new();
    for line in text.lines() {
        if line.starts_with("/**") || line.starts_with(" *") {
            comment += line;
            comment += "\n";
            continue;
        }
        let name = line.strip_prefix("#define ").and_then(|rest| rest.split_whitespace().next());
        match name {
            Some(name) if template.defines(name) => {}
            Some(name) if template.is_overridable(name) => {
                out += &format!("{comment}#ifndef {name}\n{line}\n#endif\n");
            }
            _ => out += &format!("{comment}{line}\n"),
        }
        comment.clear();
    }
    out
}

/// Writes a comment of one line in one line.
fn one_line_comments(text: &str) -> String {
    let mut out: Vec<String> = Vec::new();
    for line in text.lines() {
        let indent = &line[..line.len() - line.trim_start().len()];
        if line.trim() == "*/"
            && let [.., open, only] = &out[..]
            && open.trim() == "/**"
            && let Some(words) = only.trim_start().strip_prefix("* ")
            && line.len() + words.len() < 96
        {
            let joined = format!("{}/** {words} */", indent.strip_suffix(' ').unwrap_or(indent));
            out.truncate(out.len() - 2);
            out.push(joined);
        } else {
            out.push(line.to_owned());
        }
    }
    out.join("\n") + "\n"
}

/// cbindgen reports an unknown type to the log and carries on. Each report becomes an error here.
struct Listener;

static COMPLAINTS: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl log::Log for Listener {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        let message = record.args().to_string();
        let known = message.contains("Can't find coap_")
            || SYSTEM_TYPES
                .iter()
                .chain(&SYSTEM_STRUCTS)
                .any(|name| message.contains(&format!("Can't find {name}.")))
            || message.starts_with("Missing `[defines]`");
        if self.enabled(record.metadata())
            && !known
            && let Ok(mut complaints) = COMPLAINTS.lock()
        {
            complaints.push(message);
        }
    }

    fn flush(&self) {}
}

pub(crate) fn listen_to_cbindgen() {
    if log::set_logger(&Listener).is_ok() {
        log::set_max_level(log::LevelFilter::Warn);
    }
}
