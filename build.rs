//! Compiles the C shim of the one variadic function, and holds an artefact to one variant.

#[path = "src/variant/openssl_release.rs"]
mod openssl_release;

use openssl_release::Found;
use std::env;

const VARIANTS: [&str; 2] = ["notls", "openssl"];

fn main() {
    println!("cargo::rerun-if-changed=src/capi/log_shim.c");
    println!("cargo::rerun-if-env-changed=COAP_ARTEFACT");
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
    if enabled.contains(&"openssl")
        && let Some(why) = openssl_refusal()
    {
        println!("cargo::error={why}");
    }
    if enabled.contains(&"openssl") {
        let built = env::var("DEP_OPENSSL_VERSION_NUMBER").unwrap_or_default();
        println!("cargo:rustc-env=COAP_OPENSSL_BUILT={built}");
    }
    cc::Build::new()
        .file("src/capi/log_shim.c")
        .warnings_into_errors(true)
        .extra_warnings(true)
        .compile("coap_log_shim");
}

/// What is wrong with the OpenSSL that the crate `openssl-sys` found, by what it says to those who use it.
fn openssl_refusal() -> Option<String> {
    let said = |key: &str| env::var(format!("DEP_OPENSSL_{key}")).ok();
    let forks = [("LIBRESSL_VERSION_NUMBER", "LibreSSL"), ("BORINGSSL", "BoringSSL"), ("AWSLC", "AWS-LC")];
    let fork = forks.into_iter().find(|(key, _)| said(key).is_some()).map(|(_, name)| name);
    openssl_release::refusal(Found { version: said("VERSION_NUMBER").as_deref(), fork })
}
