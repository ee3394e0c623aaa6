//! Reads a tree of C headers with bindgen, and tells what they declare in the terms of the table.

use crate::{Result, output_of};
use quote::ToTokens;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use syn::visit_mut::{VisitMut, visit_type_mut};
use syn::{Expr, Fields, ForeignItem, ImplItem, Item, Lit, ReturnType, Type};

/// What a header tree declares: (kind, name) and value.
pub(crate) type Declared = BTreeMap<(&'static str, String), String>;

pub(crate) fn headers(include: &Path) -> Result<Declared> {
    let gcc = output_of(Command::new("cc").arg("-print-file-name=include"))?;
    let bindings = bindgen::Builder::default()
        .header_contents("all.h", "#include <coap3/coap.h>\n")
        .clang_args(["-I".to_owned(), include.display().to_string(), "-std=gnu11".to_owned()])
        .clang_args(["-isystem".to_owned(), gcc.trim().to_owned()])
        .allowlist_file(".*/coap3/.*")
        .allowlist_recursively(false)
        .generate_comments(false)
        .derive_debug(false)
        .derive_copy(false)
        .formatter(bindgen::Formatter::None)
        .generate()
        .map_err(|e| e.to_string())?;
    let file = syn::parse_file(&bindings.to_string()).map_err(|e| e.to_string())?;
    let mut declared = Declared::new();
    for item in &file.items {
        read_item(item, &mut declared);
    }
    // What bindgen brings along for itself.
    declared.retain(|(_, name), _| !name.starts_with("__Bindgen"));
    Ok(declared)
}

fn read_item(item: &Item, declared: &mut Declared) {
    match item {
        Item::ForeignMod(module) => {
            for item in &module.items {
                if let ForeignItem::Fn(function) = item {
                    declared.insert(("function", function.sig.ident.to_string()), signature(&function.sig));
                }
            }
        }
        Item::Type(item) => {
            declared.insert(("type", item.ident.to_string()), words(&item.ty));
        }
        Item::Struct(item) => {
            if let Fields::Named(fields) = &item.fields {
                read_fields(&item.ident.to_string(), fields.named.iter(), declared);
            }
        }
        Item::Union(item) => read_fields(&item.ident.to_string(), item.fields.named.iter(), declared),
        Item::Impl(item) => read_bit_fields(item, declared),
        Item::Const(item) if item.ident == "_" => read_layout(&item.expr, declared),
        Item::Const(item) => {
            // The value of an enum is named after its type: TYPE_NAME.
            let owner = words(&item.ty);
            let name = item.ident.to_string();
            if let Some(value) = name.strip_prefix(&format!("{owner}_")) {
                declared.insert(("value", format!("{owner}.{value}")), number(&item.expr));
            }
        }
        _ => {}
    }
}

fn read_fields<'a>(owner: &str, fields: impl Iterator<Item = &'a syn::Field>, declared: &mut Declared) {
    for field in fields {
        let name = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
        // bindgen's own members stand for bit-fields, unions and opaque types.
        if !["_bitfield", "__bindgen", "_unused", "bindgen_"].iter().any(|own| name.starts_with(own)) {
            declared.insert(("field", format!("{owner}.{name}")), words(&field.ty));
        }
    }
}

/// bindgen gives each bit-field a getter that says `self._bitfield_1.get(BIT, WIDTH)`.
fn read_bit_fields(item: &syn::ItemImpl, declared: &mut Declared) {
    let owner = words(&item.self_ty);
    for function in item.items.iter().filter_map(|item| match item {
        ImplItem::Fn(function) => Some(function),
        _ => None,
    }) {
        let name = function.sig.ident.to_string();
        let body = function.block.to_token_stream().to_string().replace(' ', "");
        if let Some((_, rest)) = body.split_once("_bitfield_1.get(")
            && let Some((place, _)) = rest.split_once(')')
            && !name.ends_with("_raw")
        {
            let place = place.replace("usize", "").replace("u8", "");
            declared.insert(("bits", format!("{owner}.{name}")), place);
        }
    }
}

/// bindgen states layouts as `["Size of T"][size_of::<T>() - 8usize];`.
fn read_layout(block: &Expr, declared: &mut Declared) {
    let text = block.to_token_stream().to_string();
    for statement in text.split(';') {
        let Some((_, rest)) = statement.split_once("[\"") else { continue };
        let Some((subject, rest)) = rest.split_once('"') else { continue };
        let Some((_, amount)) = rest.rsplit_once("- ") else { continue };
        let amount: String = amount.chars().take_while(char::is_ascii_digit).collect();
        let entry = if let Some(name) = subject.strip_prefix("Size of ") {
            ("size", name.to_owned())
        } else if let Some(name) = subject.strip_prefix("Alignment of ") {
            ("align", name.to_owned())
        } else if let Some(name) = subject.strip_prefix("Offset of field: ") {
            ("offset", name.replace("::", "."))
        } else {
            continue;
        };
        declared.insert(entry, amount);
    }
}

fn signature(function: &syn::Signature) -> String {
    let mut parameters: Vec<String> = function
        .inputs
        .iter()
        .filter_map(|input| match input {
            syn::FnArg::Typed(input) => Some(words(&input.ty)),
            syn::FnArg::Receiver(_) => None,
        })
        .collect();
    if function.variadic.is_some() {
        parameters.push("...".to_owned());
    }
    let parameters = parameters.join(", ");
    match &function.output {
        ReturnType::Default => format!("({parameters})"),
        ReturnType::Type(_, output) => format!("({parameters}) -> {}", words(output)),
    }
}

/// A type without names of parameters and without paths: what counts for a caller. `uint8_t` and
/// `unsigned char` are one type.
fn words(ty: &Type) -> String {
    struct Plain;
    impl VisitMut for Plain {
        fn visit_type_mut(&mut self, ty: &mut Type) {
            if let Type::BareFn(function) = ty {
                function.inputs.iter_mut().for_each(|input| input.name = None);
            }
            if let Type::Path(path) = ty {
                path.path.leading_colon = None;
                while path.path.segments.len() > 1 {
                    path.path.segments = path.path.segments.iter().skip(1).cloned().collect();
                }
            }
            visit_type_mut(self, ty);
        }
    }
    let mut ty = ty.clone();
    Plain.visit_type_mut(&mut ty);
    let mut text = ty.to_token_stream().to_string();
    for (spaced, tight) in [
        ("* mut ", "*mut "),
        ("* const ", "*const "),
        (" ,", ","),
        (" < ", "<"),
        (" >", ">"),
        ("c_uchar", "u8"),
    ] {
        text = text.replace(spaced, tight);
    }
    text
}

fn number(expression: &Expr) -> String {
    match expression {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(number) => number.base10_digits().to_owned(),
            other => other.to_token_stream().to_string(),
        },
        other => other.to_token_stream().to_string().replace(' ', ""),
    }
}
