//! Compiles the C shim of the one variadic function, and holds an artefact to one variant.

use std::env;

const VARIANTS: [&str; 1] = ["notls"];

fn main() {
    println!("cargo:rerun-if-changed=src/capi/log_shim.c");
    println!("cargo:rerun-if-env-changed=COAP_ARTEFACT");
    let enabled: Vec<&str> = VARIANTS
        .into_iter()
        .filter(|v| env::var_os(format!("CARGO_FEATURE_{}", v.to_uppercase())).is_some())
        .collect();
    if let Ok(artefact) = env::var("COAP_ARTEFACT")
        && enabled != [artefact.as_str()]
    {
        panic!(
            "the artefact `{artefact}` is built with that one feature, but these are enabled: {enabled:?}"
        );
    }
    cc::Build::new()
        .file("src/capi/log_shim.c")
        .warnings_into_errors(true)
        .extra_warnings(true)
        .compile("coap_log_shim");
}
