//! Reads `src/capi` and makes, for each header, the one Rust source that cbindgen is given: types
//! and constants as they stand, each `c_enum!` as an enum, each exported function without its body.

use crate::Result;
use crate::facts::Facts;
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use syn::{Attribute, Expr, ExprLit, File, Item, ItemEnum, ItemFn, Lit, Meta, parse_quote};

/// Every exported function, in the order of the files and of the items in them.
pub(crate) struct Functions {
    rust: Vec<(String, ItemFn)>,
    names: BTreeSet<String>,
}

impl Functions {
    pub(crate) fn read(directory: &Path) -> Result<Functions> {
        let mut rust = Vec::new();
        read_functions(directory, &mut rust)?;
        let mut names: BTreeSet<String> = rust.iter().map(|(_, f)| f.sig.ident.to_string()).collect();
        for path in crate::files(directory, "c")? {
            let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            names.extend(defined_in_c(&text));
        }
        Ok(Functions { rust, names })
    }

    pub(crate) fn exist(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    pub(crate) fn count(&self) -> usize {
        self.names.len()
    }

    pub(crate) fn export_list(&self) -> String {
        self.names.iter().map(|name| format!("{name}\n")).collect()
    }

    /// An exported function that no public header declares is a slip.
    pub(crate) fn all_have_a_header(&self, facts: &Facts) -> Result<()> {
        match self.names.iter().find(|name| facts.header_of(name).is_none()) {
            Some(name) => Err(format!("{name} is exported, but no public header of 4.3.5 declares it")),
            None => Ok(()),
        }
    }
}

/// The source for one header.
pub(crate) fn for_header(root: &Path, header: &str, functions: &Functions, facts: &Facts) -> Result<File> {
    let stem = header.trim_end_matches(".h");
    let stem = stem.strip_prefix("coap_").unwrap_or(stem);
    let mut items = Vec::new();
    let types = root.join("src/capi/types").join(format!("{stem}.rs"));
    if types.exists() && stem != "forward_decls" {
        for item in parse(&types)?.items {
            items.extend(declaration(item)?);
        }
    }
    // The functions of the file named after the header come first.
    let mut own: Vec<&(String, ItemFn)> = functions
        .rust
        .iter()
        .filter(|(_, f)| facts.header_of(&f.sig.ident.to_string()) == Some(header))
        .collect();
    own.sort_by_key(|(file, _)| file != stem);
    for (_, function) in own {
        let mut function = function.clone();
        function.block = parse_quote!({});
        function.attrs.retain(|attr| attr.path().is_ident("doc") || attr.path().is_ident("unsafe"));
        speak_to_c(&mut function.attrs);
        if facts.is_deprecated(&function.sig.ident.to_string()) {
            function.attrs.push(parse_quote!(#[deprecated]));
        }
        items.push(Item::Fn(function));
    }
    Ok(File { shebang: None, attrs: Vec::new(), items })
}

fn read_functions(directory: &Path, found: &mut Vec<(String, ItemFn)>) -> Result<()> {
    for path in crate::files(directory, "rs")? {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        for item in parse(&path)?.items {
            if let Item::Fn(function) = item
                && function.attrs.iter().any(is_no_mangle)
                && function.sig.ident.to_string().starts_with("coap_")
            {
                found.push((stem.clone(), function));
            }
        }
    }
    let entries = fs::read_dir(directory).map_err(|e| format!("{}: {e}", directory.display()))?;
    let mut inner: Vec<_> = entries.flatten().map(|e| e.path()).filter(|p| p.is_dir()).collect();
    inner.sort();
    inner.iter().try_for_each(|directory| read_functions(directory, found))
}

fn parse(path: &Path) -> Result<File> {
    let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    syn::parse_file(&text).map_err(|e| format!("{}:{}: {e}", path.display(), e.span().start().line))
}

fn is_no_mangle(attribute: &Attribute) -> bool {
    attribute.to_token_stream().to_string().contains("no_mangle")
}

/// The public functions that a C file of ours defines: `coap_` names at the beginning of a
/// definition, which by the C style of this project stands in the first column.
fn defined_in_c(text: &str) -> impl Iterator<Item = String> {
    text.lines()
        .filter(|line| !line.starts_with([' ', '\t', '/', '#', '*']))
        .filter(|l| !l.ends_with(';'))
        .filter_map(|line| {
            let before = line.split_once('(')?.0;
            let name = before.rsplit([' ', '*']).next()?;
            name.starts_with("coap_").then(|| name.to_owned())
        })
}

/// What becomes of one item of a types file.
fn declaration(item: Item) -> Result<Option<Item>> {
    Ok(match item {
        Item::Macro(item) if item.mac.path.is_ident("c_enum") => {
            let mut list: ItemEnum = item.mac.parse_body().map_err(|e| format!("c_enum!: {e}"))?;
            list.attrs.push(parse_quote!(#[repr(C)]));
            speak_to_c(&mut list.attrs);
            list.variants.iter_mut().for_each(|variant| speak_to_c(&mut variant.attrs));
            Some(Item::Enum(list))
        }
        Item::Const(mut item) => {
            speak_to_c(&mut item.attrs);
            Some(Item::Const(item))
        }
        Item::Type(mut item) => {
            speak_to_c(&mut item.attrs);
            Some(Item::Type(item))
        }
        Item::Struct(mut item) => {
            speak_to_c(&mut item.attrs);
            item.fields.iter_mut().for_each(|field| speak_to_c(&mut field.attrs));
            Some(Item::Struct(item))
        }
        Item::Union(mut item) => {
            speak_to_c(&mut item.attrs);
            item.fields.named.iter_mut().for_each(|field| speak_to_c(&mut field.attrs));
            Some(Item::Union(item))
        }
        _ => None,
    })
}

/// Rewrites a doc comment for C readers: no link brackets, and the section on safety becomes the
/// preconditions that it states.
fn speak_to_c(attributes: &mut Vec<Attribute>) {
    let mut in_safety = None;
    let mut kept = Vec::new();
    for attribute in attributes.drain(..) {
        let Some(line) = doc_line(&attribute) else {
            kept.push(attribute);
            continue;
        };
        let mut line = line.replace("[`", "`").replace("`]", "`");
        match line.trim() {
            "# Safety" => {
                in_safety = Some(true);
                continue;
            }
            "" if in_safety == Some(true) => continue,
            text if in_safety == Some(true) => {
                line = format!(" @pre {text}");
                in_safety = Some(false);
            }
            _ => {}
        }
        kept.push(parse_quote!(#[doc = #line]));
    }
    *attributes = kept;
}

fn doc_line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(meta) = &attribute.meta else { return None };
    let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &meta.value else { return None };
    meta.path.is_ident("doc").then(|| text.value())
}

/// The names of the types that a source declares, which cbindgen is told to write even where no
/// function mentions them.
pub(crate) fn type_names(source: &File) -> Vec<String> {
    let name = |item: &Item| {
        Some(match item {
            Item::Enum(item) => item.ident.to_string(),
            Item::Type(item) => item.ident.to_string(),
            Item::Struct(item) => item.ident.to_string(),
            Item::Union(item) => item.ident.to_string(),
            _ => return None,
        })
    };
    source.items.iter().filter_map(name).collect()
}

/// The source as text.
pub(crate) fn text(source: &File) -> String {
    let tokens: TokenStream = quote!(#source);
    tokens.to_string()
}
