//! The command line.

use crate::variant::Variant;
use std::path::PathBuf;
use std::time::Duration;

/// What the command prints when it is not understood.
pub(crate) const USAGE: &str = "\
usage: capi-tests <c|valgrind|all> [OPTION...] [NAME...]

  c                  run each program on our object, compare with the reference or its recorded output
  valgrind           run each program on our object under memcheck
  all                both

  NAME               only these programs (file names without .c)
  --variant NAME     only this variant: notls or openssl
  --bless            run on the reference only, and record what it prints as the expectation
  --on-reference     run on the reference only, and print what it prints
  --include DIR      our headers                  (default: include)
  --lib DIR          our shared objects           (default: build/VARIANT/lib, or $COAP_LIB)
  --sources DIR      the programs                 (default: capi-tests/c)
  --work DIR         where binaries and outputs go (default: target/capi-tests)
  --time-limit SECS  for one run                  (default: 60; ten times that under valgrind)
  --verbose          print every differing line

The reference is looked for in $COAP_REFERENCE or ~/.cache/coap-reference.";

/// What to do with each program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// Compare our output with the reference's.
    Compare,
    /// Run ours under memcheck.
    Valgrind,
    /// Record the reference's output.
    Bless,
    /// Show the reference's output.
    OnReference,
}

impl Mode {
    /// The word at the start of a line of the report.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Mode::Compare => "c",
            Mode::Valgrind => "valgrind",
            Mode::Bless => "bless",
            Mode::OnReference => "show",
        }
    }
}

/// The command line, read.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) modes: Vec<Mode>,
    pub(crate) names: Vec<String>,
    /// The one variant asked for, or all.
    pub(crate) variant: Option<Variant>,
    pub(crate) include: PathBuf,
    /// The folder of our shared objects, if it is not where `make` puts them.
    pub(crate) lib: Option<PathBuf>,
    pub(crate) sources: PathBuf,
    pub(crate) work: PathBuf,
    pub(crate) time_limit: Duration,
    pub(crate) verbose: bool,
}

impl Options {
    /// Reads the arguments behind the program's own name.
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
        let modes = match args.next().as_deref() {
            Some("c") => vec![Mode::Compare],
            Some("valgrind") => vec![Mode::Valgrind],
            Some("all") => vec![Mode::Compare, Mode::Valgrind],
            Some(other) => return Err(format!("unknown command `{other}`")),
            None => return Err("a command is needed".into()),
        };
        let mut options = Options {
            modes,
            names: Vec::new(),
            variant: None,
            include: "include".into(),
            lib: std::env::var_os("COAP_LIB").map(PathBuf::from),
            sources: "capi-tests/c".into(),
            work: "target/capi-tests".into(),
            time_limit: Duration::from_secs(60),
            verbose: false,
        };
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--bless" => options.modes = vec![Mode::Bless],
                "--on-reference" => options.modes = vec![Mode::OnReference],
                "--include" => options.include = value()?.into(),
                "--lib" => options.lib = Some(value()?.into()),
                "--variant" => {
                    let name = value()?;
                    let known = Variant::ALL.into_iter().find(|variant| variant.name() == name);
                    options.variant = Some(known.ok_or_else(|| format!("unknown variant `{name}`"))?);
                }
                "--sources" => options.sources = value()?.into(),
                "--work" => options.work = value()?.into(),
                "--time-limit" => {
                    let text = value()?;
                    let seconds = text.parse().map_err(|_| format!("not a number of seconds: `{text}`"))?;
                    options.time_limit = Duration::from_secs(seconds);
                }
                "--verbose" => options.verbose = true,
                option if option.starts_with('-') => return Err(format!("unknown option `{option}`")),
                name => options.names.push(name.trim_end_matches(".c").to_string()),
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(String::from))
    }

    #[test]
    fn names_and_options_may_come_in_any_order() {
        let options = parse("all net --lib L session.c --time-limit 5 --variant openssl").unwrap();
        assert_eq!(options.modes, [Mode::Compare, Mode::Valgrind]);
        assert_eq!(options.names, ["net", "session"]);
        assert_eq!(options.lib, Some(PathBuf::from("L")));
        assert_eq!(options.variant, Some(Variant::Openssl));
        assert_eq!(options.time_limit, Duration::from_secs(5));
    }

    #[test]
    fn blessing_replaces_the_mode() {
        assert_eq!(parse("c --bless").unwrap().modes, [Mode::Bless]);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for line in ["", "d", "c --lib", "c --quick", "c --variant gnutls", "c --time-limit soon"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
